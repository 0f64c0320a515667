import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt
import pytest
import torch

from pipeline.clips.clip import Clip, write_clip
from pipeline.clips.manifest import ManifestRow, write_manifest
from pipeline.clips.target import Target
from pipeline.evaluation.folds import Fold, Folds, write_folds
from pipeline.evaluation.metrics import score
from pipeline.evaluation.predict import PredictionTask, predict_trial
from pipeline.evaluation.predictions import read_frames
from pipeline.features.store import FeatureStore, assemble_store, write_trial
from pipeline.models.build import build_network
from pipeline.models.config import ModelConfig
from pipeline.models.standardise import Standardise
from pipeline.models.trained import FramePredictions, StandardisedNetwork, TrainedFold
from pipeline.runtime.errors import ConfigError, InputError
from pipeline.runtime.files import sha256_file
from pipeline.training.config import TrainingConfig
from stages.evaluate import main

Gaps = Literal["mask", "compact"]
PARAMS = """\
corpus: {kind: affwild2, root: corpus, index: index.csv}
folds: {count: 2}
backbones:
  ir50: {weights: random}
  vggish: {weights: random}
models:
  grjca: {fusion: gated_joint_cross_attention, streams: [ir50, vggish], temporal: identity}
evaluate: {top_folds: 1}
compute: {engine: serial, device: cpu}
"""
STREAMS = {"ir50": ("visual", 6), "vggish": ("audio", 4)}
LENGTHS = {"a": 33, "b": 20, "c": 51, "t": 27}
FOLDS = (Fold(train=("c",), validation=("a", "b")), Fold(train=("a", "b"), validation=("c",)))


def embedding(trial: str, stream: str) -> npt.NDArray[np.float16]:
    random = np.random.default_rng([len(stream), LENGTHS[trial]])
    return random.normal(size=(LENGTHS[trial], STREAMS[stream][1])).astype(np.float16)


def labels(trial: str) -> npt.NDArray[np.float32]:
    values = np.random.default_rng(LENGTHS[trial]).uniform(-1, 1, (LENGTHS[trial], 2)).astype(np.float32)
    values[4:7] = np.nan
    values[-5:, 1] = values[-2:, 0] = np.nan
    return values


def clip(trial: str) -> Clip:
    frames = LENGTHS[trial]
    return Clip(
        trial=trial,
        subject=trial,
        partition="test" if trial == "t" else "train",
        fps=25.0,
        targets=(Target("valence", -1, 1), Target("arousal", -1, 1)),
        time=np.arange(frames) / 25,
        faces=np.zeros((frames, 4, 4, 3), np.uint8),
        face_valid=np.ones(frames, bool),
        audio=np.zeros(100, np.int16),
        sample_rate=16000,
        labels=np.full((frames, 2), np.nan, np.float32) if trial == "t" else labels(trial),
        alignment={},
        sources={},
    )


def trained_fold(gaps: Gaps, number: int) -> TrainedFold:
    torch.manual_seed(number)
    model = ModelConfig(fusion="gated_joint_cross_attention", streams=("ir50", "vggish"), temporal="identity")
    training = TrainingConfig(window=20, hop=15, gaps=gaps)
    widths = dict(STREAMS.values())
    ranges = [(-1.0, 1.0)] * 2
    network = build_network(model, in_features=widths, length=20, ranges=ranges)
    standardise = {role: Standardise(mean=torch.zeros(d), std=torch.ones(d)) for role, d in widths.items()}
    metadata = {
        "model": model.architecture(),
        "training": training.model_dump(mode="json"),
        "targets": ["valence", "arousal"],
        "ranges": [list(limits) for limits in ranges],
        "in_features": widths,
        "views": {},
    }
    return TrainedFold(StandardisedNetwork(standardise=standardise, model=network).eval(), metadata)


@pytest.fixture(params=["mask", "compact"])
def gaps(request: pytest.FixtureRequest) -> Gaps:
    return cast(Gaps, request.param)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gaps: Gaps) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AFFECTFLOW_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "argv", ["stages.evaluate", "grjca"])
    (tmp_path / "params.yaml").write_text(PARAMS)
    (tmp_path / "data/clips").mkdir(parents=True)
    rows = []
    for trial, frames in LENGTHS.items():
        one = clip(trial)
        write_clip(tmp_path / f"data/clips/{trial}.h5", one)
        known = (25.0, frames, frames - 3, frames, 1.0, "0", "0", one.labels_digest())
        rows.append(ManifestRow(trial, one.partition, trial, *known))
    write_manifest(tmp_path / "data/clips/manifest.csv", rows)
    write_folds(tmp_path / "data/folds.json", Folds(scheme="subject", folds=FOLDS, test=("t",)))
    for stream, (modality, dimension) in STREAMS.items():
        trials = {}
        for trial in LENGTHS:
            trials[trial] = tmp_path / "items" / stream / trial
            trials[trial].parent.mkdir(parents=True, exist_ok=True)
            write_trial(
                trials[trial],
                embedding=embedding(trial, stream),
                time=np.arange(LENGTHS[trial]) / 25,
                valid=np.ones(LENGTHS[trial], bool),
                store="float16",
                attributes={},
            )
        attributes = {"modality": modality, "dimension": dimension, "weights": {"name": "random", "seed": 0}}
        assemble_store(tmp_path / f"data/features/{stream}.zarr", trials, attributes=attributes)
    (tmp_path / "models/grjca").mkdir(parents=True)
    for number in range(2):
        trained_fold(gaps, number).save(tmp_path / f"models/grjca/fold{number}.safetensors")
    return tmp_path


def outs(project: Path) -> dict[str, bytes]:
    paths = [*(project / "predictions").rglob("*.*"), *(project / "metrics").rglob("*.*")]
    return {path.relative_to(project).as_posix(): path.read_bytes() for path in paths}


def test_a_models_folds_are_scored_on_their_own_trials(project: Path, gaps: Gaps) -> None:
    main()
    frames = read_frames(project / "predictions/grjca/frames.h5")
    assert sorted(frames.validation) == ["a", "b", "c"]
    for number, fold in enumerate(FOLDS):
        trained = trained_fold(gaps, number)
        predicted = []
        for trial in fold.validation:
            left_out = np.isnan(labels(trial)).all(axis=1) & (gaps == "compact")
            streams = {role: embedding(trial, stream) for stream, (role, _) in STREAMS.items()}
            answer = trained.predict(streams, labels=labels(trial))
            assert np.array_equal(np.isnan(answer.predictions[:, 0]), left_out)
            predicted.append(answer.predictions)
            one = frames.validation[trial]
            np.testing.assert_array_equal(one.predictions, answer.predictions)
            np.testing.assert_array_equal(one.labels, labels(trial))
            assert set(one.attention) == {"audio", "visual", "stage_audio", "stage_visual"}
            assert one.fold == number
        metrics = json.loads((project / "metrics/evaluate/grjca.json").read_text())
        truth = np.concatenate([labels(trial) for trial in fold.validation])[:, 1]
        expected = score(truth, np.concatenate(predicted)[:, 1])
        assert metrics["folds"][str(number)]["arousal"]["ccc"] == pytest.approx(expected.ccc, abs=1e-6)
    assert len(metrics["best_folds"]) == 1
    best = metrics["best_folds"][0]
    streams = {role: embedding("t", stream) for stream, (role, _) in STREAMS.items()}
    answer = trained_fold(gaps, best).predict(streams)
    np.testing.assert_array_equal(frames.test["t"].predictions, answer.predictions)
    assert (project / "predictions/grjca/t.txt").read_text().count("\n") == 1 + LENGTHS["t"]


def test_a_second_run_gives_the_same_bytes(project: Path) -> None:
    main()
    before = outs(project)
    assert len(before) == 6
    main()
    assert outs(project) == before


def test_what_is_predicted_already_is_not_predicted_again(
    project: Path, monkeypatch: pytest.MonkeyPatch, gaps: Gaps
) -> None:
    main()
    before = outs(project)
    predicted: list[int] = []
    predict = TrainedFold.predict

    def noted(self: TrainedFold, streams: dict[str, np.ndarray], **options: Any) -> FramePredictions:
        predicted.append(len(streams["visual"]))
        return predict(self, streams, **options)

    monkeypatch.setattr(TrainedFold, "predict", noted)
    main()
    assert predicted == []
    assert outs(project) == before
    other = 1 - json.loads((project / "metrics/evaluate/grjca.json").read_text())["best_folds"][0]
    trained_fold(gaps, 2).save(project / f"models/grjca/fold{other}.safetensors")
    main()
    held_out = [LENGTHS[trial] for trial in FOLDS[other].validation]
    assert predicted[: len(held_out)] == held_out, "the other fold's trials are there already"
    assert set(predicted[len(held_out) :]) <= {LENGTHS["t"]}


def test_the_bytes_are_the_same_in_worker_processes(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    main()
    before = outs(project)
    monkeypatch.setenv("AFFECTFLOW_CACHE", str(project / "another"))
    params = project / "params.yaml"
    params.write_text(params.read_text().replace("engine: serial", "engine: processes, workers: 2"))
    main()
    assert outs(project) == before


def test_other_inputs_than_at_the_start_are_refused(project: Path, tmp_path: Path) -> None:
    store = FeatureStore.open(project / "data/features/ir50.zarr")
    network = project / "models/grjca/fold0.safetensors"
    known = (store.attributes["fingerprint"], store.digest("a"))
    clip_of = project / "data/clips/a.h5"

    def task(**changes: Any) -> PredictionTask:
        good = PredictionTask(
            trial="a",
            network=(network, sha256_file(network)),
            features=(("visual", store.path, *known),),
            clip=clip_of,
            labels=clip("a").labels_digest(),
        )
        return replace(good, **changes)

    for changes, named in (
        ({"network": (network, "0")}, "fold0.safetensors"),
        ({"features": (("visual", store.path, "0", known[1]),)}, "ir50.zarr"),
        ({"features": (("visual", store.path, known[0], "0"),)}, "ir50.zarr"),
        ({"labels": "0"}, "a.h5"),
    ):
        with pytest.raises(InputError, match=rf"{named}.*(it changed while the stage ran|its content is not what)"):
            predict_trial(task(**changes), tmp_path)


def test_a_trial_without_features_is_named(project: Path) -> None:
    (project / "data/features/vggish.zarr/b.zip").unlink()
    with pytest.raises(InputError, match="trial b: no features"):
        main()


def test_too_many_best_folds_are_refused_before_anything_is_written(project: Path) -> None:
    params = project / "params.yaml"
    params.write_text(params.read_text().replace("top_folds: 1", "top_folds: 3"))
    with pytest.raises(ConfigError, match="top_folds is 3"):
        main()
    assert outs(project) == {}
