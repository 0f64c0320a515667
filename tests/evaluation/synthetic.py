"""A small project as the stages before the report leave it, with invented predictions: no media, no training."""

import csv
from dataclasses import fields
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.clips.clip import Clip, write_clip
from pipeline.clips.manifest import ManifestRow, write_manifest
from pipeline.clips.target import Target
from pipeline.config import Params, load
from pipeline.evaluation.evaluate import Evaluation, Predicted, Predictor, TrialInput, evaluate
from pipeline.evaluation.outputs import write_evaluation
from pipeline.features.store import assemble_store, write_trial

PARAMS = """\
corpus: {kind: affwild2, root: corpus, index: index.csv, sample: data/sample/vids.txt}
folds: {scheme: subject, count: 4}
backbones:
  ir50: {weights: random, seed: 0}
  vggish: {weights: random, seed: 7}
models:
  visual:
    fusion: unimodal
    temporal: tcn
    streams: [ir50]
    published: {source: grjca Table 1, method: GRJCA, modality: visual}
  audio: {fusion: unimodal, temporal: tcn, streams: [vggish]}
  grjca:
    fusion: gated_joint_cross_attention
    streams: [ir50, vggish]
    temporal: tcn
    options: {iterations: 2}
    published: {source: grjca Table 1, method: GRJCA, modality: fusion}
evaluate: {top_folds: 2, combine: mean}
report: {title: A <synthetic> project, traces: 3}
"""
SKILL = {"visual": 0.55, "audio": 0.4, "grjca": 0.8}
FOLDS = 4
RATE = 25.0

Array = npt.NDArray[np.float32]


def write_project(root: Path, *, repeats: int = 1) -> Params:
    """Write everything that the report reads, below `root`; each fold was trained `repeats` times."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "params.yaml").write_text(f"training: {{repeats: {repeats}}}\n{PARAMS}")
    (root / "index.csv").write_text("trial,partition\n")
    params = load(root / "params.yaml")
    trials = labelled_trials()
    segments = {trial: _segments(trial, len(labels)) for trial, labels in trials.items()}
    lengths = {trial: len(labels) for trial, labels in trials.items()}
    _write_corpus(root / "corpus", lengths, segments)
    _write_clips(root / "data" / "clips", trials)
    for name in params.backbones:
        _write_store(root, name, seed=params.backbones[name].seed)
    for model in params.models:
        evaluation = evaluate_model(params, model, trials, segments, repeats=repeats)
        write_evaluation(
            evaluation,
            predictions=root / "predictions" / model,
            metrics=root / "metrics" / "evaluate" / f"{model}.json",
            targets=list(params.corpus.targets),
            sample=root / "data" / "sample" / "vids.txt",
        )
        _write_curves(root / "plots" / "train" / f"{model}.csv", skill=SKILL[model], repeats=repeats)
    return params


def labelled_trials() -> dict[str, Array]:
    """Labels of twelve trials by name; those called ``test`` have labels that nobody may see."""
    trials: dict[str, Array] = {}
    for number in range(15):
        name = f"test{number - 12:02d}" if number >= 12 else f"trial{number:02d}"
        random = np.random.default_rng(number)
        time = np.arange(260 + 45 * (number % 5)) / RATE
        waves = [
            sum(
                random.normal() * np.sin(2 * np.pi * time / period + random.uniform(0, 6))
                for period in (4.0, 7.0, 15.0)
            )
            for _ in range(2)
        ]
        labels = np.tanh(0.45 * np.stack(waves, axis=-1)).astype(np.float32)
        if number % 3 == 0:
            labels[40:52] = np.nan
        trials[name] = labels
    return trials


def evaluate_model(
    params: Params,
    model: str,
    trials: dict[str, Array],
    segments: dict[str, list[tuple[str, str, int, int]]],
    *,
    repeats: int,
) -> Evaluation:
    """Evaluate a model whose fold k sees the labels through noise, another one in each repeat."""
    held_out = {fold: [f"trial{fold + FOLDS * turn:02d}" for turn in range(3)] for fold in range(FOLDS)}

    def read(trial: str) -> TrialInput:
        labels = trials[trial]
        stream = np.nan_to_num(labels, nan=0.0)
        marks = np.zeros((len(labels), 2), dtype=np.float32)
        for modality, _, start, end in segments[trial]:
            marks[start:end, 0 if modality == "audio" else 1] = 1
        number = np.full((len(labels), 1), float(sum(trial.encode())), dtype=np.float32)
        return TrialInput(
            time=np.arange(len(labels)) / RATE,
            streams={"visual": np.concatenate([stream, marks, number], axis=1)},
            labels=None if trial.startswith("test") else labels,
        )

    def fold(k: int, repeat: int) -> Predictor:
        def predict(given: TrialInput) -> Predicted:
            stream = given.streams["visual"]
            further = [repeat] if repeat else []
            random = np.random.default_rng([k, int(stream[0, 4]), sum(model.encode()), *further])
            frames = len(stream)
            noise = np.stack([_smooth(random.normal(size=frames + 24)) for _ in range(2)], axis=-1)
            modalities = {"visual": [1], "audio": [0], "grjca": [0, 1]}[model]
            clear = 1 - stream[:, 2:4][:, modalities].mean(axis=1, keepdims=True)
            skill = SKILL[model] * clear - 0.05 * k
            predictions = (skill * stream[:, :2] + (1 - skill) * 0.9 * noise).astype(np.float32)
            return Predicted(predictions, _gates(stream[:, 2:4], random) if model == "grjca" else {})

        return predict

    return evaluate(
        model=model,
        folds={k: [fold(k, repeat) for repeat in range(repeats)] for k in range(FOLDS)},
        held_out=held_out,
        test=[trial for trial in trials if trial.startswith("test")],
        read=read,
        ranges=params.corpus.targets,
        config=params.evaluate,
    )


def _smooth(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.convolve(values, np.ones(25) / 5, mode="valid")


def _gates(marks: npt.NDArray[np.floating], random: np.random.Generator) -> dict[str, Array]:
    gates: dict[str, Array] = {}
    for column, modality in enumerate(("audio", "visual")):
        shape = (len(marks), 2)
        level = 1 / (1 + np.exp(-(1.5 - 4 * marks[:, [column]] + 0.8 * random.normal(size=shape))))
        gates[modality] = np.stack([1 - level, level], axis=-1).astype(np.float32)
        gates[f"stage_{modality}"] = np.stack([1 - level.mean(1), level.mean(1)], axis=-1).astype(np.float32)
    return gates


def _segments(trial: str, frames: int) -> list[tuple[str, str, int, int]]:
    number = int(trial[-2:])
    if number % 2:
        return []
    return [("visual", "covered", 60, 120), ("audio", "noise", frames - 100, frames)]


def _write_corpus(root: Path, lengths: dict[str, int], segments: dict[str, list[tuple[str, str, int, int]]]) -> None:
    root.mkdir(parents=True)
    rows = [[trial, *segment] for trial, found in segments.items() for segment in found]
    _write_csv(root / "useless_segments.csv", ["trial", "modality", "kind", "start_frame", "end_frame"], rows)
    required = {"test00": lengths["test00"], "test01": lengths["test01"] + 3, "test02": lengths["test02"] - 5}
    images = [[f"{trial}/{i:05d}.jpg", 0, 0] for trial, count in required.items() for i in range(1, count + 1)]
    sample = root.parent / "data" / "sample"
    sample.mkdir(parents=True)
    _write_csv(sample / "vids.txt", ["image_location", "valence", "arousal"], images)


def _write_clips(folder: Path, trials: dict[str, Array]) -> None:
    folder.mkdir(parents=True)
    rows = []
    lengths = {trial: len(labels) for trial, labels in trials.items()}
    for number, (trial, frames) in enumerate(lengths.items()):
        write_clip(folder / f"{trial}.h5", synthetic_clip(trial, trials[trial], number=number))
        partition = "test" if trial.startswith("test") else "validation" if number % 4 == 0 else "train"
        known: dict[str, Any] = {
            "trial": trial,
            "partition": partition,
            "subject": f"subject{number}",
            "fps": RATE,
            "frames": frames,
            "duration": frames / RATE,
        }
        rows.append(ManifestRow(**{field.name: known.get(field.name, 0) for field in fields(ManifestRow)}))
    write_manifest(folder / "manifest.csv", rows)
    done = ["nothing", "2 label rows past the last frame left out; 7 frames without a face image masked", "nothing"]
    _write_csv(
        folder / "alignment.csv",
        ["trial", "frames", "label_rows", "images", "done"],
        [[trial, frames, frames, frames, done[i % 3]] for i, (trial, frames) in enumerate(lengths.items())],
    )
    _write_csv(folder / "rejected.csv", ["trial", "file", "row", "message", "remedy"], [])


def synthetic_clip(trial: str, labels: Array, *, number: int) -> Clip:
    """Return a clip of plain faces that brighten along time, seven of them missing, and of a tone that swells."""
    frames = len(labels)
    time = np.arange(frames) / RATE
    faces = np.broadcast_to(np.linspace(60, 220, frames, dtype=np.uint8)[:, None, None, None], (frames, 8, 8, 3)).copy()
    faces[20:27] = 0
    valid = np.ones(frames, dtype=np.bool_)
    valid[20:27] = False
    sound = np.arange(int(frames / RATE * 2000)) / 2000
    wave = np.sin(2 * np.pi * (200 + 10 * number) * sound) * np.abs(np.sin(sound))
    return Clip(
        trial=trial,
        subject=f"subject{number}",
        partition="test" if trial.startswith("test") else "train",
        fps=RATE,
        targets=(Target("valence", -1.0, 1.0), Target("arousal", -1.0, 1.0)),
        time=time,
        faces=faces,
        face_valid=valid,
        audio=(20000 * wave).astype(np.int16),
        sample_rate=2000,
        labels=labels if not trial.startswith("test") else np.full_like(labels, np.nan),
        alignment={},
        sources={},
    )


def _write_store(root: Path, name: str, *, seed: int) -> None:
    trial = root / "items" / name
    trial.parent.mkdir(exist_ok=True)
    write_trial(
        trial,
        embedding=np.ones((4, 3), dtype=np.float32),
        time=np.arange(4.0),
        valid=np.ones(4, dtype=bool),
        store="float16",
        attributes={},
    )
    attributes = {"backbone": name, "dimension": 3, "weights": {"name": "random", "seed": seed}}
    assemble_store(root / "data" / "features" / f"{name}.zarr", {"trial00": trial}, attributes=attributes)


def _write_curves(path: Path, *, skill: float, repeats: int) -> None:
    rows = []
    for fold, repeat in product(range(FOLDS), range(repeats)):
        random = np.random.default_rng([fold, repeat])
        for epoch in range(1, 21 - 2 * fold):
            p = skill * (1 - np.exp(-epoch / 5)) - 0.004 * epoch + 0.02 * random.normal()
            rows.append([fold, repeat, epoch, 1e-3, 1.1 - p + 0.01 * random.normal(), p, p, p])
    path.parent.mkdir(parents=True, exist_ok=True)
    _write_csv(path, ["fold", "repeat", "epoch", "lr", "train_loss", "valence_ccc", "arousal_ccc", "p"], rows)


def _write_csv(path: Path, header: list[str], rows: list[list[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
