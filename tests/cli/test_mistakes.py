"""Mistakes in params.yaml and in corpora: `affectflow validate` names each, with a remedy, before any stage runs."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.cli import app
from tests import corpus_factory, miniatures

ROOT = Path(__file__).parents[2]
Data = dict[str, Any]
Change = Callable[[Data], object]

UNIMODAL: Data = {"fusion": "unimodal", "streams": ["vggish", "vggish"], "temporal": "tcn"}
JOINT: Data = {"fusion": "gated_joint_cross_attention", "streams": ["ir50", "vggish"], "temporal": "tcn"}
BASE: Data = {
    "corpus": {"kind": "affwild2", "root": "corpus", "index": "index.csv", "image_size": corpus_factory.SIZE},
    "folds": {"count": 2},
    "evaluate": {"top_folds": 2},
    "backbones": {"ir50": {"weights": "random"}, "vggish": {"weights": "random"}},
    "training": {"window": 100, "hop": 50, "batch": 4},
    "models": {"audio": UNIMODAL, "joint": JOINT},
}


def at(*keys: str, value: Any) -> Change:
    """Return a change that puts a value at a path of keys."""

    def change(data: Data) -> None:
        for key in keys[:-1]:
            data = data.setdefault(key, {})
        data[keys[-1]] = value

    return change


def without(*keys: str) -> Change:
    """Return a change that removes what is at a path of keys."""

    def change(data: Data) -> None:
        for key in keys[:-1]:
            data = data[key]
        del data[keys[-1]]

    return change


def option(name: str, value: Any) -> Change:
    return at("models", "joint", "options", value={name: value})


def encoder(**options: Any) -> Change:
    return at("models", "joint", "encoders", value={"visual": options})


def published(**key: str) -> Change:
    row = {"source": "grjca Table 1", "method": "GRJCA", "modality": "fusion", **key}
    return at("models", "joint", "published", value=row)


PARAMS: dict[str, tuple[Change, str]] = {
    "no corpus": (without("corpus"), "corpus: Field required"),
    "unknown kind of corpus": (at("corpus", "kind", value="afwild2"), "'affwild2'"),
    "no root": (without("corpus", "root"), "corpus.root: Field required"),
    "no index": (without("corpus", "index"), "corpus.index: Field required"),
    "misspelt key": (at("corpus", "indx", value="x"), "corpus.indx: unknown key; did you mean 'index'"),
    "misspelt section": (at("trainning", value={}), "trainning: unknown key; did you mean 'training'"),
    "empty range": (at("corpus", "targets", value={"valence": [1, -1]}), "targets.valence: the range [1.0, -1.0]"),
    "targets are no mapping": (at("corpus", "targets", value=["valence"]), "corpus.targets"),
    "sample outside its folder": (at("corpus", "sample", value="sample.txt"), "data/sample"),
    "faces too small": (at("clips", "face_size", value=10), "clips.face_size"),
    "same size twice": (at("clips", "other_face_sizes", value=[48]), "other_face_sizes: each size or rate is stored"),
    "unknown on_error": (at("clips", "on_error", value="ignore"), "clips.on_error"),
    "one fold": (at("folds", "count", value=1), "folds.count"),
    "unknown scheme": (at("folds", "scheme", value="random"), "folds.scheme"),
    "no backbones": (at("backbones", value={}), "backbones: "),
    "unknown backbone": (at("backbones", "ir51", value={"weights": "random"}), "backbones.ir51: there is no backbone"),
    "no weights": (at("backbones", "ir50", value={}), "backbones.ir50.weights: Field required"),
    "weights without checksum": (at("backbones", "ir50", "weights", value="params.yaml"), "put `sha256: "),
    "weights with another checksum": (
        at("backbones", "ir50", value={"weights": "params.yaml", "sha256": "0" * 64}),
        "backbones.ir50: weights",
    ),
    "unknown precision": (at("backbones", "ir50", "precision", value="float8"), "backbones.ir50.precision"),
    "batch of nothing": (at("backbones", "ir50", "batch", value=0), "backbones.ir50.batch"),
    "unknown view": (at("backbones", "ir50", "views", value=["center"]), "backbones.ir50.views"),
    "no centre view": (at("backbones", "ir50", "views", value=["top_left"]), "centre must be among the views"),
    "backbone's own size": (at("backbones", "i3d", value={"weights": "random"}), "add 112 to `clips.other_face_sizes`"),
    "backbone's own rate": (
        at("backbones", "resnet18_audio", value={"weights": "random"}),
        "add 44100 to `clips.other_sample_rates`",
    ),
    "no models": (at("models", value={}), "models: "),
    "models are a list": (at("models", value=["grjca"]), "models: "),
    "a space in a name": (at("models", "my model", value=UNIMODAL), "models.my model"),
    "a path as a name": (at("models", "../m", value=UNIMODAL), "models.../m"),
    "no fusion": (without("models", "joint", "fusion"), "models.joint.fusion: Field required"),
    "misspelt fusion key": (at("models", "joint", "fusoin", value="x"), "models.joint.fusoin: unknown key"),
    "unknown fusion": (at("models", "joint", "fusion", value="gated"), "models.joint.fusion: no module 'gated'"),
    "unknown temporal": (at("models", "joint", "temporal", value="tnc"), "models.joint.temporal: no module 'tnc'"),
    "a block is no fusion": (at("models", "joint", "fusion", value="blocks"), "models.joint.fusion: no module"),
    "stream without backbone": (
        at("models", "joint", "streams", value=["ir50", "vgish"]),
        "models.joint.streams: 'vgish' is not in backbones; did you mean 'vggish'",
    ),
    "no streams": (at("models", "joint", "streams", value=[]), "models.joint.streams"),
    "a stream written once": (
        at("models", "audio", "streams", value=["vggish"]),
        "models.audio.streams: write a single stream twice, [vggish, vggish]",
    ),
    "one stream where two are needed": (at("models", "joint", "streams", value=["ir50", "ir50"]), "models.joint."),
    "misspelt option": (option("iteratons", 2), "models.joint.options.iteratons: unknown; did you mean 'iterations'"),
    "option of another type": (option("iterations", "two"), "models.joint.options.iterations"),
    "no iterations": (option("iterations", 0), "models.joint.options: iterations must be at least 1, got 0"),
    "no temperature": (option("temperature", 0.0), "models.joint.options: temperature must be positive"),
    "all is dropped": (option("dropout", 1.0), "models.joint.options: dropout must be in [0, 1)"),
    "heads that do not divide": (
        at("models", "joint", value={**JOINT, "fusion": "leader_follower", "options": {"heads": 5}}),
        "models.joint.options: heads must divide the width, got 5",
    ),
    "negative channels": (encoder(channels=[-4]), "models.joint.encoders: in_features and channels must be positive"),
    "no kernel": (encoder(kernel_size=0), "models.joint.encoders: kernel_size must be positive"),
    "misspelt encoder option": (encoder(chanels=[4]), "models.joint.encoders.visual.chanels: unknown"),
    "encoder of no role": (
        at("models", "joint", "encoders", value={"video": {"channels": [4]}}),
        "models.joint.encoders: no stream has the role 'video'",
    ),
    "training of one model": (at("models", "joint", "training", value={"epoch": 3}), "epoch"),
    "window of a million": (at("training", "window", value=1_000_000), "needs more than"),
    "hop beyond the window": (at("training", "hop", value=200), "hop 200 exceeds window 100"),
    "negative rate": (at("training", "learning_rate", value=-1.0), "training.learning_rate"),
    "text for a number": (at("training", "epochs", value="many"), "training.epochs"),
    "unknown warm-up": (at("training", "warm_up", value="cosine"), "training.warm_up"),
    "no repeats": (at("training", "repeats", value=0), "training.repeats"),
    "more top folds than folds": (
        at("evaluate", "top_folds", value=9),
        "evaluate.top_folds is 9, but folds.count is 2",
    ),
    "ensemble of a stranger": (
        at("ensembles", value={"both": {"models": ["joint", "grjca"]}}),
        "ensembles.both.models: 'grjca' is no model",
    ),
    "ensemble with a model's name": (
        at("ensembles", value={"joint": {"models": ["joint", "audio"]}}),
        "ensembles.joint: a model has this name already",
    ),
    "fine-tuning a stranger": (at("finetune", "models", value={"grjca": {}}), "finetune.models: 'grjca' is not in"),
    "unknown published table": (published(source="grjca Table 9"), "models.joint.published: there is no row"),
    "unknown published method": (published(method="GRJAC"), "models.joint.published: there is no row"),
    "unknown modality": (published(modality="both"), "models.joint.published.modality"),
    "no workers": (at("compute", "workers", value=0), "compute.workers"),
    "unknown engine": (at("compute", "engine", value="threads"), "compute.engine"),
    "unknown numerics": (at("compute", "numerics", value="exact"), "compute.numerics"),
}


def corpus_without(name: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        path = root / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return change


def corpus_text(name: str, text: str) -> Callable[[Path], None]:
    return lambda root: miniatures.write_text(root / name, text)


def emptied(root: Path) -> None:
    shutil.rmtree(root)
    root.mkdir()


CORPORA: dict[str, tuple[Callable[[Path], None], str]] = {
    "no corpus": (shutil.rmtree, "corpus"),
    "an empty corpus": (emptied, "corpus"),
    "no annotations": (corpus_without("annotations"), "annotations"),
    "no videos": (corpus_without("raw_videos"), "raw_videos"),
    "no crops": (corpus_without("cropped_aligned"), "cropped_aligned"),
    "a trial without a video": (corpus_without("raw_videos/7.mp4"), "trial 7"),
    "a trial without crops": (corpus_without("cropped_aligned/7"), "trial 7"),
    "labels without a header": (corpus_text("annotations/VA_Set/Train_Set/7.txt", "0.1,0.2\n"), "7.txt:1"),
    "labels out of range": (
        corpus_text("annotations/VA_Set/Train_Set/7.txt", "valence,arousal\n0.1,7\n"),
        "7.txt:2",
    ),
    "empty labels": (corpus_text("annotations/VA_Set/Train_Set/7.txt", ""), "7.txt:1"),
    "labels that are no numbers": (
        corpus_text("annotations/VA_Set/Train_Set/7.txt", "valence,arousal\na,b\n"),
        "7.txt:2",
    ),
    "a crop that is none": (corpus_text("cropped_aligned/7/00001.jpg", "no picture"), "00001.jpg"),
    "a crop of no frame": (corpus_text("cropped_aligned/7/one.jpg", "x"), "one.jpg"),
    "a video that is none": (corpus_text("raw_videos/7.mp4", "no video"), "7.mp4"),
    "an empty test list": (corpus_text("test_set_VA_Challenge.txt", ""), "the test list is empty"),
    "an unknown test trial": (corpus_text("test_set_VA_Challenge.txt", "nobody\n"), "nobody"),
    "a test trial that leaves its folder": (corpus_text("test_set_VA_Challenge.txt", "../x\n"), "trial"),
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("intact") / "corpus"
    corpus_factory.write_corpus(root)
    return root


@pytest.fixture
def validate(
    tmp_path: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[], tuple[int, str]]:
    """Run `affectflow validate` in a folder with the corpus and a params.yaml."""
    shutil.copytree(corpus, tmp_path / "corpus")
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(BASE))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AFFECTFLOW_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "argv", ["affectflow", "validate"])

    def run() -> tuple[int, str]:
        try:
            app.main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        said = capsys.readouterr()
        return code, said.out + said.err

    return run


def test_nothing_is_wrong_with_what_the_mistakes_begin_from(validate: Callable[[], tuple[int, str]]) -> None:
    code, said = validate()
    assert code == 0, said
    assert "params.yaml: no problem found" in said
    assert "corpus: 8 trials, no problem found" in said
    assert "there is no index yet -> run `affectflow index`" in said


def test_there_are_enough_of_them() -> None:
    assert len(PARAMS) + len(CORPORA) >= 60


@pytest.mark.parametrize("mistake", PARAMS)
def test_a_mistake_in_params_is_named_before_anything_runs(
    mistake: str, validate: Callable[[], tuple[int, str]], tmp_path: Path
) -> None:
    change, said_of_it = PARAMS[mistake]
    data = deepcopy(BASE)
    change(data)
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(data))
    code, said = validate()
    assert code == 1
    assert said_of_it in said
    assert "Traceback" not in said
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("mistake", CORPORA)
def test_a_mistake_in_a_corpus_is_named_with_its_remedy(
    mistake: str, validate: Callable[[], tuple[int, str]], tmp_path: Path
) -> None:
    change, said_of_it = CORPORA[mistake]
    change(tmp_path / "corpus")
    code, said = validate()
    assert code == 1
    assert said_of_it in said
    assert " -> " in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("text", "said_of_it"),
    [
        (None, "params.yaml: No such file"),
        ("", "params.yaml"),
        ("corpus: [", "params.yaml is not YAML"),
        ("a: &a [1]\nb: [" + ", ".join(["*a"] * 5) + "]", "params.yaml"),
    ],
)
def test_a_file_that_is_no_params_is_named(
    text: str | None, said_of_it: str, validate: Callable[[], tuple[int, str]], tmp_path: Path
) -> None:
    (tmp_path / "params.yaml").unlink()
    if text is not None:
        (tmp_path / "params.yaml").write_text(text)
    code, said = validate()
    assert code == 1
    assert said_of_it in said
    assert "Traceback" not in said


def test_too_many_folds_for_the_trials_are_told(validate: Callable[[], tuple[int, str]], tmp_path: Path) -> None:
    data = deepcopy(BASE)
    data["folds"] = {"count": 20, "scheme": "subject"}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(data))
    code, said = validate()
    assert code == 1
    assert "subjects in the partition train for 19 groups" in said


def test_a_corpus_that_a_stage_makes_may_not_be_there_yet(
    validate: Callable[[], tuple[int, str]], tmp_path: Path
) -> None:
    data = deepcopy(BASE)
    data["corpus"] |= {"root": "data/demo/corpus"}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(data))
    (tmp_path / "data/demo").mkdir(parents=True)
    shutil.copy(ROOT / "data/demo/dvc.yaml", tmp_path / "data/demo/dvc.yaml")
    code, said = validate()
    assert code == 0, said
    assert "data/demo/corpus: not there yet, `dvc repro` makes it (data/demo/dvc.yaml)" in said


@pytest.fixture
def dvc(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Note the commands that would run, which end with 3."""
    calls: list[list[str]] = []

    def run(command: list[str], *, env: dict[str, str], check: bool) -> subprocess.CompletedProcess[str]:
        assert Path(env["PATH"].split(os.pathsep)[0]) == Path(sys.executable).parent
        calls.append(command)
        return subprocess.CompletedProcess(command, 3)

    monkeypatch.setattr("pipeline.cli.run.subprocess.run", run)
    return calls


def test_run_validates_and_hands_its_arguments_on(
    validate: Callable[[], tuple[int, str]], dvc: list[list[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "argv", ["affectflow", "run", "--force", "train@joint"])
    code, said = validate()
    assert code == 1
    assert "index.csv: the stages begin with this index, and it is not there -> affectflow index" in said
    (tmp_path / "index.csv").touch()
    monkeypatch.setattr("pipeline.cli.run.ready", lambda: None)
    assert validate()[0] == 3
    assert dvc == [[sys.executable, "-m", "dvc", "repro", "--force", "train@joint"]]


def test_run_stops_at_a_mistake(
    validate: Callable[[], tuple[int, str]], dvc: list[list[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "argv", ["affectflow", "run"])
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({**BASE, "models": {}}))
    assert validate()[0] == 1
    assert not dvc
