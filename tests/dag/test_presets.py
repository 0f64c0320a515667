"""Every preset through `dvc repro`, on a miniature of its corpus: everything as it is, only smaller."""

import csv
import json
import math
import os
from dataclasses import replace
from html import unescape
from importlib import import_module
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import yaml
from filelock import FileLock

from pipeline.backbones.common.interface import load_backbone
from pipeline.cli.corpus import index as write_the_index
from pipeline.cli.corpus import validate as find_problems
from pipeline.clips.clip import read_clip
from pipeline.clips.manifest import read_manifest
from pipeline.config import Params, load
from pipeline.demo.render import render_corpus
from pipeline.evaluation.runs import Run
from pipeline.models.build import constructor_options, stream_roles
from pipeline.models.trained import TrainedFold
from pipeline.report.published import Comparison, published_row
from pipeline.runtime.executor import Executor
from pipeline.runtime.layout import CLIPS
from tests.dag.scratch import DEMO, DEMO_STAGE, ROOT, Scratch, create
from tests.demo.factory import small
from tests.miniatures import DELAYS, PEOPLE, fatigue_row, write_fatigue, write_manifest, write_recola

pytestmark = pytest.mark.slow

PRESETS = sorted((ROOT / "presets").glob("*.yaml"))
RENDERED = "data/demo/corpus"
FOLDS = 2
VIDEOS = ("p1_a", "p2", "p3", "p4")


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a miniature of each corpus, and room for the item cache that all presets share.

    All workers of pytest-xdist share it: the first of them builds, the others wait.
    """
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "world"
    with FileLock(f"{folder}.lock"):
        if not (folder / "cache").is_dir():
            # The briefest that the backbones of 20 GMAC per frame deserve; the renderer itself asks for two seconds.
            sizes = {"trials": {"train": 2, "validation": 2, "test": 1}, "crop_size": 112, "useless_share": 0.0}
            briefest = small(**sizes).model_copy(update={"seconds": 0.8})
            render_corpus(briefest, folder / "affwild2", Executor(engine="serial"))
            write_recola(folder / "recola")
            write_fatigue(folder / "fatigue")
            write_manifest(folder / "fatigue.csv", [fatigue_row(trial) for trial in VIDEOS])
            (folder / "cache").mkdir()
    return folder


def shrink(data: dict[str, Any]) -> dict[str, Any]:
    """Return a preset with smaller sizes, random weights and fewer epochs; what is combined with what stays."""
    data["folds"]["count"] = FOLDS
    data["corpus"]["label_delay"] = {target: DELAYS[target] for target in data["corpus"].get("label_delay", {})}
    if data["corpus"]["kind"] == "affwild2":
        del data["corpus"]["label_delay"]
    for backbone in data["backbones"].values():
        # Equal in all presets, so that what one has extracted the next one takes from the cache.
        backbone |= {"weights": "random", "seed": 0, "sha256": None, "batch": 16}
    data["training"] |= {"window": 8, "hop": 8, "batch": 4, "epochs": 1}
    for model in data["models"].values():
        if model["temporal"] != "identity":
            roles = stream_roles([load_backbone(stream).MODALITY for stream in dict.fromkeys(model["streams"])])
            model["encoders"] = {role: {"channels": [4, 4]} for role in roles}
        system = import_module(f"pipeline.fusion.{model['fusion']}").FUSION
        known = {name: one.default for name, one in constructor_options(system, system.HEAD).items()}
        own = model.setdefault("options", {})
        own |= {size: 8 for size in {"width", "hidden"} & set(known) if (known | own)[size] is not None}
    data["finetune"] |= {"batch": 1, "accumulate": 1, "windows": 1, "epochs": 1, "release_groups": 1, "chunk": 8}
    data["evaluate"]["top_folds"] = min(data["evaluate"].get("top_folds", FOLDS), FOLDS)
    data["report"]["traces"] = 1
    data["compute"] = {"engine": "serial", "device": "cpu", "numerics": "native"}
    return data


@pytest.fixture(params=PRESETS, ids=lambda path: path.stem)
def project(
    request: pytest.FixtureRequest, world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Params, Scratch]:
    """A scratch repository whose params.yaml is a small preset, with its corpus where the preset says."""
    scratch = replace(create(tmp_path), cache=world / "cache")
    monkeypatch.chdir(scratch.root)
    monkeypatch.setenv("AFFECTFLOW_CACHE", str(scratch.cache))
    data = shrink(yaml.safe_load(request.param.read_text(encoding="utf-8")))
    Path("params.yaml").write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    params = load()
    if params.corpus.root == RENDERED:
        sizes = {**DEMO, "trials": {"train": 2, "validation": 2, "test": 1}, "crop_size": 112}
        Path("data/demo/params.yaml").write_text(yaml.safe_dump({"demo": sizes}, sort_keys=False), encoding="utf-8")
        return params, scratch
    place = scratch.root / params.corpus.root
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(world / place.name)
    if params.corpus.kind == "table":
        (scratch.root / params.corpus.manifest).symlink_to(world / "fatigue.csv")
    write_the_index()
    return params, scratch


def stages_of(params: Params) -> set[str]:
    return (
        {"clips", "folds", "report", *({DEMO_STAGE} if params.corpus.root == RENDERED else ())}
        | {f"extract@{name}" for name in params.backbones}
        | {f"{stage}@{name}" for stage in ("train", "evaluate") for name in params.models}
        | {f"finetune@{name}" for name in params.finetune.models}
        | {f"ensemble@{name}" for name in params.ensembles}
    )


def test_a_preset_runs_from_its_corpus_to_its_report_and_then_nothing(
    project: tuple[Params, Scratch], capsys: pytest.CaptureFixture[str]
) -> None:
    params, scratch = project
    assert scratch.repro().ran == stages_of(params)
    find_problems()
    assert "no problem found" in capsys.readouterr().out
    for name in params.result_names():
        check_scores(params, json.loads(Path(f"metrics/evaluate/{name}.json").read_text()))
        check_predictions(params, Path("predictions") / name)
    for name, model in params.models.items():
        metadata = TrainedFold.load(Path("models") / name / Run(FOLDS - 1).file).metadata
        assert list(metadata["in_features"].values()) == [load_backbone(one).DIMENSION for one in model.streams]
        assert metadata["model"] == model.architecture()
    check_report(params, Path("reports"))

    before = scratch.outs()
    again = scratch.repro()
    assert again.ran == again.restored == set()
    assert "up to date" in again.text
    assert scratch.outs() == before


def check_scores(params: Params, metrics: dict[str, Any]) -> None:
    assert len(metrics["folds"]) == FOLDS
    for figures in (metrics, *metrics["folds"].values()):
        for target in params.corpus.targets:
            assert -1 <= figures[target]["ccc"] <= 1
            assert math.isfinite(figures[target]["rmse"])


def check_predictions(params: Params, folder: Path) -> None:
    limits = list(params.corpus.targets.values())
    lengths = {row.trial: row.frames for row in read_manifest(Path("data/clips/manifest.csv"))}
    split = json.loads(Path("data/folds.json").read_text())
    held_out = sorted(trial for fold in split["folds"] for trial in fold["validation"])
    with h5py.File(folder / "frames.h5") as file:
        found = {part: {trial: file[part][trial]["predictions"][:] for trial in file.get(part, {})} for part in file}
    assert sorted(found["validation"]) == held_out
    assert sorted(found.get("test", {})) == sorted(split["test"])
    for part, trial, values in ((part, *pair) for part, of_part in found.items() for pair in of_part.items()):
        assert values.shape == (lengths[trial], len(limits))
        left_out = np.isnan(values).any(axis=1)
        if part == "validation" and params.training.gaps == "compact":
            assert (left_out <= ~read_clip(CLIPS / f"{trial}.h5", faces=False, audio=False).label_valid).all()
        else:
            assert not left_out.any()
        assert all(
            (low <= column).all() and (column <= high).all()
            for column, (low, high) in zip(values[~left_out].T, limits, strict=True)
        )
    for trial in split["test"]:
        lines = (folder / f"{trial}.txt").read_text().splitlines()
        assert lines[0] == ",".join(params.corpus.targets)
        assert len(lines) == lengths[trial] + 1


def check_report(params: Params, folder: Path) -> None:
    assert params.report.title in unescape((folder / "index.html").read_text(encoding="utf-8"))
    with (folder / "ccc.csv").open(encoding="utf-8", newline="") as file:
        lines = {(row["model"], row["figure"]): row for row in csv.DictReader(file)}
    assert {name for name, _ in lines} == set(params.result_names())
    official_split = any(row.partition == "validation" for row in read_manifest(CLIPS / "manifest.csv"))
    for name, model in params.evaluated().items():
        row = published_row(model.published) if model.published else None
        compared = row.compare(official_split=official_split) if row else Comparison("", {}, {})
        for target in params.corpus.targets:
            beside = {"published": compared.mean.get(target)}
            beside |= {f"published_fold_{k}": compared.folds.get(k, {}).get(target) for k in range(FOLDS)}
            shown = {column: lines[name, target][column] for column in beside}
            assert {column: float(text) if text else None for column, text in shown.items()} == pytest.approx(
                beside, abs=1e-6
            )


def test_every_preset_is_run_and_every_video_is_described() -> None:
    assert len(PRESETS) >= 13
    assert set(VIDEOS) < set(PEOPLE)
