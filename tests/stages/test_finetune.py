import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pipeline.clips.clip import read_clip
from pipeline.clips.manifest import ManifestRow, write_manifest
from pipeline.clips.settings import ClipSettings, write_settings
from pipeline.evaluation.folds import Fold, Folds, write_folds
from pipeline.evaluation.predictions import read_frames
from pipeline.finetuning.fold import FinetunedFold
from stages.finetune import main
from tests.finetuning.factory import SOURCES, TEST, TRAIN, VALIDATION, narrow_backbones, train_base, write_clips

PARAMS = """\
corpus: {kind: affwild2, root: corpus, index: index.csv}
folds: {count: 2}
backbones:
  ir50: {weights: random}
  vggish: {weights: random, batch: 256}
training: {window: 20, hop: 15}
models:
  grjca: {fusion: gated_joint_cross_attention, temporal: tcn, streams: [ir50, vggish]}
finetune:
  learning_rate: 0.001
  warm_up_epochs: 0
  models:
    grjca: {epochs: 1, windows: 2}
evaluate: {top_folds: 1}
compute: {engine: serial, device: cpu}
"""
FOLDS = (Fold(train=TRAIN, validation=VALIDATION), Fold(train=VALIDATION, validation=TRAIN))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project whose models are trained, after the stage has run."""
    root = tmp_path_factory.mktemp("project")
    with narrow_backbones(), pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setenv("AFFECTFLOW_CACHE", str(root / "cache"))
        patch.setattr(sys, "argv", ["finetune", "grjca"])
        Path("params.yaml").write_text(PARAMS)
        Path("data").mkdir()
        clips = write_clips(root / "data" / "clips")
        base = train_base(root / "base", clips)
        Path("models/grjca").mkdir(parents=True)
        for number in range(len(FOLDS)):
            (root / "models" / "grjca" / f"fold{number}.safetensors").write_bytes(base.read_bytes())
        read = {trial: read_clip(clips / f"{trial}.h5") for trial in (*TRAIN, *VALIDATION, *TEST)}
        rows = [
            ManifestRow(
                trial=trial,
                partition=clip.partition,
                subject=trial,
                fps=25.0,
                frames=len(clip),
                labelled=int(clip.label_valid.sum()),
                faces=int(clip.face_valid.sum()),
                duration=1.0,
                digest=clip.digest(),
                media=clip.media_digest(),
                labels=clip.labels_digest(),
            )
            for trial, clip in read.items()
        ]
        write_manifest(clips / "manifest.csv", rows)
        write_settings(clips / "settings.json", ClipSettings(face_size=40, sample_rate=16000))
        write_folds(Path("data/folds.json"), Folds("subject", FOLDS, TEST))
        main()
        yield root


def outs(project: Path) -> dict[str, bytes]:
    found = [
        path
        for folder in ("models", "predictions", "metrics", "plots")
        for path in (project / folder).rglob("*")
        if path.is_file()
    ]
    return {path.relative_to(project).as_posix(): path.read_bytes() for path in found}


def test_it_writes_what_a_trained_and_evaluated_model_has(project: Path) -> None:
    frames = read_frames(project / "predictions" / "grjca-finetuned" / "frames.h5")
    assert set(frames.validation) == {*TRAIN, *VALIDATION}
    assert set(frames.test) == set(TEST)
    scores = json.loads((project / "metrics" / "evaluate" / "grjca-finetuned.json").read_text())
    training = json.loads((project / "metrics" / "train" / "grjca-finetuned.json").read_text())
    assert set(scores["folds"]) == set(training["folds"]) == {"0", "1"}
    for fold, summary in training["folds"].items():
        assert scores["folds"][fold]["P"] == pytest.approx(summary["p"], abs=1e-5)
        assert summary["p"] >= summary["start_p"]
    names = {path.name for path in (project / "predictions" / "grjca-finetuned").iterdir()}
    assert {"frames.h5", "trials.csv", "submission.txt", "f.txt"} <= names
    with (project / "plots" / "train" / "grjca-finetuned.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["fold"], row["epoch"]) for row in rows] == [("0", "-1"), ("0", "0"), ("1", "-1"), ("1", "0")]
    assert {"released", "lr", "train_loss", "valence_ccc", "arousal_ccc", "p"} <= set(rows[0])


def test_the_test_predictions_are_those_of_the_best_fold(project: Path) -> None:
    scores = json.loads((project / "metrics" / "evaluate" / "grjca-finetuned.json").read_text())
    (best,) = scores["best_folds"]
    path = project / "models" / "grjca-finetuned" / f"fold{best}.safetensors"
    weights = {source.backbone: source.weights for source in SOURCES.values()}
    fold = FinetunedFold.load(path, weights)
    expected = fold.predict(read_clip(project / "data" / "clips" / "f.h5")).predictions
    frames = read_frames(project / "predictions" / "grjca-finetuned" / "frames.h5")
    np.testing.assert_allclose(frames.test["f"].predictions, expected, atol=1e-6)


def test_a_second_run_writes_the_same_bytes(project: Path) -> None:
    before = outs(project)
    assert len(before) > 8
    main()
    assert outs(project) == before
