"""What DVC makes of dvc.yaml under each preset, which are all that the templates have to fit."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from dvc.repo import Repo

from pipeline.config import load

ROOT = Path(__file__).parents[1]
PRESETS = sorted((ROOT / "presets").glob("*.yaml"))


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("dvc")
        for name in ("GLOBAL_CONFIG", "SYSTEM_CONFIG", "SITE_CACHE"):
            patch.setenv(f"DVC_{name}_DIR", str(folder / "settings"))
        patch.setenv("DVC_NO_ANALYTICS", "1")
        (folder / "clone").mkdir()
        Repo.init(str(folder / "clone"), no_scm=True).close()
        shutil.copy(ROOT / "dvc.yaml", folder / "clone")
        yield folder / "clone"


@pytest.mark.parametrize("preset", PRESETS, ids=lambda path: path.stem)
def test_a_preset_gives_a_stage_for_each_of_its_parts(preset: Path, repository: Path) -> None:
    shutil.copy(preset, repository / "params.yaml")
    params = load(preset)
    with Repo(str(repository)) as repo:
        stages = {stage.name: stage for stage in repo.index.stages}
    assert set(stages) == (
        {"clips", "folds", "report"}
        | {f"extract@{name}" for name in params.backbones}
        | {f"{stage}@{name}" for stage in ("train", "evaluate") for name in params.models}
        | {f"finetune@{name}" for name in params.finetune.models}
        | {f"ensemble@{name}" for name in params.ensembles}
    )
    for name, model in params.models.items():
        for stage in ("train", "evaluate"):
            deps = {dep.def_path for dep in stages[f"{stage}@{name}"].deps}
            stores = {path for path in deps if path.startswith("data/features/")}
            assert stores == {f"data/features/{stream}.zarr" for stream in model.streams}
            assert {f"pipeline/fusion/{model.fusion}.py", f"pipeline/temporal/{model.temporal}.py"} <= deps
    made = {out.def_path for stage in stages.values() for out in stage.outs}
    assert {f"models/{name}" for name in params.model_names()} <= made
    assert {f"predictions/{name}" for name in params.result_names()} <= made


def test_there_are_presets() -> None:
    assert len(PRESETS) >= 13
