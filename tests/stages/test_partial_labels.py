"""A corpus whose last frames have the label of one target only, from its videos to its scores."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from pipeline.clips.clip import Clip, read_clip
from pipeline.config import load
from pipeline.corpora.config import RecolaConfig
from pipeline.evaluation.predictions import read_frames
from pipeline.features.store import assemble_store, write_trial
from pipeline.readers.index import build_index, write_index
from stages import clips, ensemble, evaluate, folds, report, train
from tests.corpus_factory import SERIAL, memory_in
from tests.miniatures import DELAYS, FRAMES, RECOLA, gold, write_recola
from tests.models.recipes import store_attributes

MODELS = {
    "mask": {"gaps": "mask"},
    "compact": {"gaps": "compact"},
    "mask_separate": {"gaps": "mask", "targets": "separate"},
    "compact_separate": {"gaps": "compact", "targets": "separate"},
}
PARAMS = {
    "corpus": {"kind": "recola", "root": "corpus", "index": "index.csv", "label_delay": DELAYS},
    "clips": {"face_size": 40, "sample_rate": 8000},
    "folds": {"scheme": "subject", "count": 2},
    "backbones": {"ir50": {"weights": "random"}, "vggish": {"weights": "random"}},
    "models": {
        name: {
            "fusion": "concatenation",
            "streams": ["ir50", "vggish"],
            "temporal": "identity",
            "options": {"width": 8, "hidden": 8, "dropout": 0.0},
            "training": training,
        }
        for name, training in MODELS.items()
    },
    "training": {
        "window": 8,
        "hop": 4,
        "batch": 4,
        "learning_rate": 0.01,
        "warm_up": "linear",
        "warm_up_epochs": 1,
        "epochs": 4,
    },
    "evaluate": {"top_folds": 2},
    "ensembles": {"both": {"models": ["mask", "compact"]}},
    "compute": {"engine": "serial", "device": "cpu"},
}
LABELLED = {"valence": 26, "arousal": 23}
"""Frames of each trial that have a label, of 30: raters answer 5 and 8 rows late, and there is a row past the end."""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that is trained and evaluated on features that tell the labels."""
    folder = tmp_path_factory.mktemp("recola")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("AFFECTFLOW_CACHE", str(folder / "cache"))
        patch.setenv("AFFECTFLOW_LOG", "WARNING")
        write_recola(folder / "corpus")
        Path("params.yaml").write_text(json.dumps(PARAMS))
        config = load("params.yaml").corpus
        assert isinstance(config, RecolaConfig)
        write_index(Path(config.index), build_index(config, memory=memory_in(folder), executor=SERIAL))
        clips.main()
        folds.main()
        write_features("ir50", "visual", "valence")
        write_features("vggish", "audio", "arousal")
        for name in MODELS:
            run(train.main, patch, name)
            run(evaluate.main, patch, name)
        run(ensemble.main, patch, "both")
    return folder


def run(stage: Callable[[], None], patch: pytest.MonkeyPatch, *arguments: str) -> None:
    patch.setattr(sys, "argv", ["stage", *arguments])
    stage()


def write_features(backbone: str, modality: str, target: str) -> None:
    """Write a store of noisy features whose first dimension tells a target."""
    trials = {}
    for number, trial in enumerate(RECOLA):
        clip = read_clip(Path(f"data/clips/{trial}.h5"))
        x = np.random.default_rng([number, len(backbone)]).normal(0, 0.1, (len(clip), 4))
        x[:, 0] += gold(target, clip.time + DELAYS[target])
        trials[trial] = Path("items") / backbone / trial
        trials[trial].parent.mkdir(parents=True, exist_ok=True)
        write_trial(
            trials[trial],
            embedding=x.astype(np.float32),
            time=clip.time,
            valid=np.ones(len(clip), bool),
            store="float32",
            attributes={},
        )
    attributes = store_attributes(backbone, modality, 4)
    assemble_store(Path(f"data/features/{backbone}.zarr"), trials, attributes=attributes)


def plain_ccc(y: npt.NDArray[np.float64], p: npt.NDArray[np.float64]) -> float:
    covariance = np.mean((y - np.mean(y)) * (p - np.mean(p)))
    return float(2 * covariance / (np.var(y) + np.var(p) + (np.mean(y) - np.mean(p)) ** 2))


def clip_of(project: Path, trial: str) -> Clip:
    return read_clip(project / f"data/clips/{trial}.h5", faces=False, audio=False)


def test_the_last_frames_lack_first_one_target_then_both(project: Path) -> None:
    for trial in RECOLA:
        labelled = (~np.isnan(clip_of(project, trial).labels)).sum(axis=0).tolist()
        assert labelled == ([0, 0] if trial == "test_1" else list(LABELLED.values()))


@pytest.mark.parametrize("name", MODELS)
def test_the_best_p_of_training_is_the_p_of_evaluation(project: Path, name: str) -> None:
    trained = json.loads((project / f"metrics/train/{name}.json").read_text())["folds"]
    evaluated = json.loads((project / f"metrics/evaluate/{name}.json").read_text())["folds"]
    frames = read_frames(project / f"predictions/{name}/frames.h5")
    assert sorted(trained) == sorted(evaluated) == ["0", "1"]
    for number, scores in evaluated.items():
        assert scores["P"] == pytest.approx(trained[number]["p"], abs=1e-5)
        of_fold = [one for one in frames.validation.values() if one.fold == int(number)]
        for column, (target, labelled) in enumerate(LABELLED.items()):
            assert scores[target]["frames"] == labelled * len(of_fold)
            y, p = (
                np.concatenate([values[:labelled, column] for values in arrays]).astype(np.float64)
                for arrays in (
                    [clip_of(project, one.trial).labels for one in of_fold],
                    [x.predictions for x in of_fold],
                )
            )
            assert scores[target]["ccc"] == pytest.approx(plain_ccc(y, p), abs=1e-5)


@pytest.mark.parametrize("name", [*MODELS, "both"])
def test_compact_leaves_out_the_frames_without_any_label(project: Path, name: str) -> None:
    frames = read_frames(project / f"predictions/{name}/frames.h5")
    predicted = FRAMES if name.startswith("mask") else LABELLED["valence"]
    assert sorted(frames.validation) == ["dev_1", "train_1", "train_2"]
    for one in frames.validation.values():
        assert (~np.isnan(one.predictions)).sum(axis=0).tolist() == [predicted] * 2
        assert np.isfinite(one.predictions[:predicted]).all()
    assert np.isfinite(frames.test["test_1"].predictions).all()


@pytest.mark.slow
def test_every_model_stands_in_the_report(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    run(report.main, monkeypatch)
    lines = json.loads((project / "reports/ccc.json").read_text())["lines"]
    assert {line["model"] for line in lines} == {*MODELS, "both"}
