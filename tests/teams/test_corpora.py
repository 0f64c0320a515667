"""A corpus stays where it is: neither git nor a remote gets it."""

from hashlib import md5
from pathlib import Path

import pytest
import yaml

from tests.dag.scratch import ROOT, create
from tests.miniatures import write_fatigue
from tests.teams.team import Team

PRESETS = sorted((ROOT / "presets").glob("*.yaml"))


@pytest.mark.parametrize("preset", PRESETS, ids=lambda path: path.stem)
def test_no_stage_has_a_corpus_among_its_results(preset: Path) -> None:
    """Only the demo's is rendered by a stage, and that is another dvc.yaml's."""
    root = Path(yaml.safe_load(preset.read_text())["corpus"]["root"])
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"].values()
    outs = [Path(out) for stage in stages for out in stage.get("do", stage).get("outs", [])]
    assert len(outs) > 10
    assert not [out for out in outs if root == out or root in out.parents or out in root.parents]
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert f"/{root.as_posix()}" in ignored


@pytest.mark.slow
def test_a_corpus_is_not_pushed(tmp_path: Path) -> None:
    project, team = create(tmp_path), Team(tmp_path)
    corpus = write_fatigue(project.root / "data" / "fatigue")
    for key in ("kind", "root", "index", "manifest", "targets"):
        project.params(f"corpus.{key}", corpus.model_dump(mode="json")[key])
    project.params("corpus.root", "data/fatigue")
    project.params("corpus.index", "data/index.csv")
    project.params("corpus.manifest", "data/manifest.csv")
    values = yaml.safe_load((project.root / "params.yaml").read_text())
    del values["corpus"]["image_size"]
    (project.root / "params.yaml").write_text(yaml.safe_dump(values, sort_keys=False))
    project.affectflow("index")
    project.dvc("repro", "clips")
    assert "fatigue/" not in project.git("status", "--short", "--untracked-files=all").text
    team.act("remote", project)
    project.dvc("push")

    sent = {"".join(path.parts[-2:]) for path in (tmp_path / "remote" / "files" / "md5").rglob("*") if path.is_file()}
    files = [path for path in (project.root / "data" / "fatigue").rglob("*") if path.is_file()]
    assert len(files) >= 12
    assert not {_digest(path) for path in files} & sent
    clips = list((project.root / "data" / "clips").glob("*.h5"))
    assert len(clips) == 6
    assert {_digest(path) for path in clips} <= sent


def _digest(path: Path) -> str:
    return md5(path.read_bytes(), usedforsecurity=False).hexdigest()
