"""Training and evaluating a model on a stream of several views, from stores to predictions."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline.clips.clip import write_clip
from pipeline.clips.manifest import ManifestRow, write_manifest
from pipeline.clips.settings import ClipSettings, write_settings
from pipeline.evaluation.folds import Folds, write_folds
from pipeline.evaluation.predictions import read_frames
from pipeline.features.store import FeatureStore, assemble_store, write_trial
from pipeline.features.views import ViewJoin, join_views
from pipeline.models.trained import TrainedFold
from pipeline.training.frames import FrameTable
from pipeline.training.stored_frames import StoredFrames
from stages import evaluate, train
from tests.models.recipes import store_attributes
from tests.stages.test_evaluate import FOLDS, LENGTHS, STREAMS, clip, embedding

PARAMS = """\
corpus: {kind: affwild2, root: corpus, index: index.csv}
folds: {count: 2}
backbones:
  ir50: {weights: random, views: [centre, top_left, bottom_right_flipped]}
  vggish: {weights: random}
training: {window: 20, hop: 15, batch: 2, epochs: 2, warm_up_epochs: 0}
models:
  grjca:
    fusion: gated_joint_cross_attention
    streams: [ir50, vggish]
    temporal: identity
    training: {warm_start: unimodal}
evaluate: {top_folds: 1}
compute: {engine: serial, device: cpu}
"""
VIEWS = {"ir50": ("centre", "top_left", "bottom_right_flipped"), "vggish": ("centre",)}


def write_store(stream: str) -> None:
    groups = {}
    for trial, frames in LENGTHS.items():
        parts = []
        for number, view in enumerate(VIEWS[stream]):
            group = Path("items") / stream / f"{trial}-{view}"
            group.parent.mkdir(parents=True, exist_ok=True)
            write_trial(
                group,
                embedding=embedding(trial, stream) + np.float16(number),
                time=np.arange(frames) / 25,
                valid=np.ones(frames, bool),
                store="float16",
                attributes={},
            )
            parts.append((view, group))
        groups[trial] = parts[0][1]
        if len(parts) > 1:
            groups[trial] = Path("items") / stream / trial
            join_views(ViewJoin(tuple(parts)), groups[trial])
    modality, dimension = STREAMS[stream]
    attributes = store_attributes(stream, modality, dimension)
    if len(VIEWS[stream]) > 1:
        attributes["views"] = list(VIEWS[stream])
    assemble_store(Path(f"data/features/{stream}.zarr"), groups, attributes=attributes)


def start_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write clips, folds and stores, one of several views, and make their folder the current directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AFFECTFLOW_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "argv", ["stage", "grjca"])
    Path("params.yaml").write_text(PARAMS)
    Path("data/clips").mkdir(parents=True)
    rows = []
    for trial, frames in LENGTHS.items():
        one = clip(trial)
        write_clip(Path(f"data/clips/{trial}.h5"), one)
        known = (25.0, frames, frames - 3, frames, 1.0, "0", "0", one.labels_digest())
        rows.append(ManifestRow(trial, one.partition, trial, *known))
    write_manifest(Path("data/clips/manifest.csv"), rows)
    write_settings(Path("data/clips/settings.json"), ClipSettings(face_size=40, sample_rate=16000))
    write_folds(Path("data/folds.json"), Folds(scheme="subject", folds=FOLDS, test=("t",)))
    for stream in STREAMS:
        write_store(stream)
    return tmp_path


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return start_project(tmp_path, monkeypatch)


def test_a_model_is_trained_on_all_views_and_predicts_from_the_centre(project: Path) -> None:
    train.main()
    evaluate.main()
    frames = read_frames(Path("predictions/grjca/frames.h5"))
    best = json.loads(Path("metrics/evaluate/grjca.json").read_text())["best_folds"]
    assert sorted(frames.validation) == ["a", "b", "c"]
    for number, fold in enumerate(FOLDS):
        trained = TrainedFold.load(Path(f"models/grjca/fold{number}.safetensors"))
        assert trained.metadata["views"] == {"visual": list(VIEWS["ir50"])}
        for trial in fold.validation + (("t",) if number in best else ()):
            audio = embedding(trial, "vggish")
            expected = trained.predict({"visual": embedding(trial, "ir50"), "audio": audio}).predictions
            predicted = (frames.test if trial == "t" else frames.validation)[trial].predictions
            np.testing.assert_allclose(predicted, expected, atol=1e-6)


def test_the_views_of_a_store_come_into_the_table_by_role(project: Path) -> None:
    folder = project / "table"
    folder.mkdir()
    StoredFrames.of(("ir50", "vggish"), ["a", "c"]).save(folder)
    table = FrameTable.open(folder)
    assert table.views == {"visual": VIEWS["ir50"]}
    assert table.streams["visual"].shape == (3, LENGTHS["a"] + LENGTHS["c"], 6)
    stored = FeatureStore.open(Path("data/features/ir50.zarr")).read("c").embedding
    np.testing.assert_array_equal(table.streams["visual"][:, table.rows("c")], stored)
