import csv
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import cast

import h5py
import numpy as np
import numpy.typing as npt
import pytest
import yaml

from pipeline.cli.status import explain, orphans
from pipeline.clips.partition import Partition
from pipeline.config import load
from pipeline.corpora.config import CorpusConfig
from pipeline.evaluation.predictions import TrialPrediction, read_frames, write_frames
from pipeline.features.store import assemble_store, write_trial
from pipeline.readers.interface import Corpus, open_corpus
from pipeline.runtime.items import ItemCache
from pipeline.training.config import TrainingConfig
from tests.cli.calling import Call
from tests.corpus_factory import TRAIN
from tests.stages.project import start_project, tree

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return start_project(tmp_path, monkeypatch)


def test_help_names_every_command_and_imports_no_library() -> None:
    script = (
        "import sys; sys.argv = ['affectflow', '--help']\n"
        "from pipeline.cli.app import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'numpy', 'cv2', 'dvc', 'h5py', 'zarr', 'pydantic'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    commands = ("preset", "validate", "index", "status", "folds", "export", "cache")
    assert all(command in done.stdout for command in commands)


def test_without_params_every_command_says_so_without_a_traceback(
    affectflow: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for command in (["index"], ["validate"], ["status"], ["export", "features", "--to", "x"]):
        answer = affectflow(*command)
        assert answer.code == 1
        assert answer.err.startswith("error: params.yaml: No such file")
        assert "Traceback" not in answer.err


# --- index, validate, status


def test_index_writes_a_summary_and_the_file(affectflow: Call, project: Path) -> None:
    before = (project / "index.csv").read_bytes()
    answer = affectflow("index")
    assert answer.code == 0
    with (project / "index.csv").open(newline="") as file:
        subjects = {row["subject"] for row in csv.DictReader(file)}
    summary = f"8 trials (1 test, 5 train, 2 validation) of {len(subjects)} subjects"
    assert answer.out == f"index.csv: {summary}, unchanged\n"
    (project / "index.csv").unlink()
    assert "written" in affectflow("index").out
    assert (project / "index.csv").read_bytes() == before


@pytest.mark.parametrize("command", ["index", "validate", "status"])
def test_a_corpus_is_surveyed_once(
    affectflow: Call, project: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    surveys = []

    def noted(config: CorpusConfig) -> Corpus:
        surveys.append(config)
        return open_corpus(config)

    monkeypatch.setattr("pipeline.readers.index.open_corpus", noted)
    monkeypatch.setattr("pipeline.cli.status.dvc_status", dict)
    affectflow(command)
    assert len(surveys) == 1


def test_validate_lists_every_problem_with_its_row(affectflow: Call, project: Path) -> None:
    lines = affectflow("validate").out.splitlines()
    assert lines[0] == "params.yaml: no problem found"
    assert lines[-2:] == ["corpus: 8 trials, no problem found", "the index matches the corpus"]
    row = next(line.split() for line in lines if line.startswith(TRAIN[0]))
    assert row == [*f"{TRAIN[0]} train 10-30-640x480 12 30 12 crops 0.4 s 12 of 12 rows".split()]
    labels = project / "corpus" / "annotations" / "VA_Set" / "Train_Set" / f"{TRAIN[0]}.txt"
    rows = labels.read_text().splitlines()
    rows[3], rows[5] = "0.1,seven", "9,0.1"
    labels.write_text("\n".join(rows) + "\n")
    answer = affectflow("validate")
    assert answer.code == 1
    assert f"{TRAIN[0]}.txt:4" in answer.err
    assert f"{TRAIN[0]}.txt:6" in answer.err
    assert "2 problems" in answer.err


def test_an_older_index_is_noticed(affectflow: Call, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.cli.status.dvc_status", dict)
    answer = affectflow("status")
    assert answer.out == "index: the index matches the corpus\nstages: all results are up to date\n"
    labels = project / "corpus" / "annotations" / "VA_Set" / "Train_Set" / f"{TRAIN[0]}.txt"
    labels.write_text(labels.read_text().replace("0.010", "0.020"))
    answer = affectflow("validate")
    assert answer.code == 0
    assert f"older than the corpus: 1 changed ({TRAIN[0]}) -> run `affectflow index`" in answer.out
    assert f"index: 1 changed ({TRAIN[0]}) -> run `affectflow index`" in affectflow("status").out
    shutil.rmtree(project / "corpus")
    assert "no corpus at corpus" in affectflow("status").out


def test_status_puts_dvcs_answer_into_words() -> None:
    old = {"clips.face_size": 48, "training": {"epochs": 30, "hop": 50}, "gone": 1}
    new = {"clips": {"face_size": 56}, "training": {"epochs": 25, "window": 9, "hop": 50}}
    states = dict.fromkeys(("clips.face_size", "training", "gone"), "modified")
    changes = [
        {"changed deps": {"index.csv": "modified", "pipeline/clips": "modified", "params.yaml": states}},
        {"changed outs": {"models/grjca": "deleted"}},
        "changed command",
    ]
    assert list(explain(changes, old=old, new=new)) == [
        "input index.csv changed",
        "code pipeline/clips changed",
        "parameter clips.face_size: 48 -> 56",
        "parameter training.epochs: 30 -> 25",
        "parameter training.window: (not set) -> 9",
        "parameter gone changed",
        "result models/grjca is missing",
        "its command is new",
    ]


def test_status_says_what_dvc_says_when_it_fails(affectflow: Call, project: Path) -> None:
    answer = affectflow("status")
    assert answer.code == 1
    assert "`dvc status` failed" in answer.err
    assert "you are not inside of a DVC repository" in answer.err


def test_results_of_models_that_are_gone_are_named(tmp_path: Path) -> None:
    for name in ("models/old", "models/new", "predictions/old", "metrics/train", "plots/train"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("models/.gitignore", "metrics/train/old.json", "metrics/train/new.json", "plots/train/new.csv"):
        (tmp_path / name).write_text("")
    found = [path.relative_to(tmp_path).as_posix() for path in orphans(tmp_path, {"new"})]
    assert found == ["models/old", "predictions/old", "metrics/train/old.json"]


# --- preset


@pytest.fixture
def presets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "presets", "presets")
    return tmp_path / "presets"


def test_presets_are_listed_with_their_headlines(affectflow: Call, presets: Path) -> None:
    shutil.copy(presets / "demo.yaml", "params.yaml")
    head, _, *lines = affectflow("preset").out.splitlines()
    assert head.split() == ["preset", "experiment"]
    assert len(lines) == len(list(presets.glob("*.yaml"))) >= 2
    assert next(line for line in lines if line.startswith("*")).split()[1] == "demo"
    assert all(len(line.split()) > 4 for line in lines)
    listed = json.loads(affectflow("preset", "--json").out)
    assert [one["preset"] for one in listed if one["in_use"]] == ["demo"]
    assert {one["preset"] for one in listed} == {path.stem for path in presets.glob("*.yaml")}


def test_every_preset_can_be_chosen_one_after_another(affectflow: Call, presets: Path) -> None:
    names = [path.stem for path in presets.glob("*.yaml")]
    for name in (*names, *names):
        assert affectflow("preset", name).code == 0
        assert Path("params.yaml").read_bytes() == (presets / f"{name}.yaml").read_bytes()


def test_a_preset_prints_all_its_values(affectflow: Call, presets: Path) -> None:
    names = [path.stem for path in presets.glob("*.yaml")]
    assert names
    for name in names:
        answer = affectflow("preset", name, "--full")
        assert answer.code == 0
        Path("full.yaml").write_text(answer.out)
        assert load("full.yaml") == load(presets / f"{name}.yaml")
        data = yaml.safe_load(answer.out)
        assert data["training"].keys() == TrainingConfig.model_fields.keys()
        assert all(len(model["streams"]) >= 2 for model in data["models"].values()), "dvc.yaml reads two entries"
    assert not Path("params.yaml").exists()


def test_an_edited_params_yaml_is_not_lost(affectflow: Call, presets: Path) -> None:
    affectflow("preset", "demo")
    Path("params.yaml").write_text(Path("params.yaml").read_text() + "# my own note\n")
    before = Path("params.yaml").read_bytes()
    answer = affectflow("preset", "demo")
    assert answer.code == 1
    assert "--force" in answer.err
    assert Path("params.yaml").read_bytes() == before
    assert affectflow("preset", "demo", "--force").code == 0
    assert Path("params.yaml").read_bytes() == (presets / "demo.yaml").read_bytes()


def test_a_preset_that_is_not_there_or_not_valid_changes_nothing(affectflow: Call, presets: Path) -> None:
    answer = affectflow("preset", "dem")
    assert (answer.code, answer.err) == (1, "error: no preset 'dem'; did you mean 'demo'?\n")
    data = yaml.safe_load((presets / "demo.yaml").read_text())
    (presets / "broken.yaml").write_text(yaml.safe_dump({**data, "modls": {}}))
    answer = affectflow("preset", "broken")
    assert answer.code == 1
    assert "modls: unknown key" in answer.err
    assert not Path("params.yaml").exists()
    shutil.rmtree(presets)
    assert "root of a clone" in affectflow("preset").err


# --- cache


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ItemCache:
    monkeypatch.setenv("AFFECTFLOW_CACHE", str(tmp_path / "cache"))
    cache = ItemCache()
    for mark in "ab":
        with cache.create(64 * mark) as directory:
            (directory / f"{mark}.h5").write_bytes(b"x" * 2048)
    return cache


def test_cache_info_counts(affectflow: Call, cache: ItemCache) -> None:
    lines = affectflow("cache", "info").out.splitlines()
    assert lines[0] == str(cache.root)
    assert ["clips", "2", "4.0", "KiB"] in [line.split() for line in lines]
    assert lines[-1].split() == ["all", "2", "4.0", "KiB"]


def test_cache_prune_removes_what_is_old(affectflow: Call, cache: ItemCache) -> None:
    assert "would remove 2 items, 4.0 KiB" in affectflow("cache", "prune", "--days", "0", "--dry-run").out
    assert "removed 0 items, 0 B" in affectflow("cache", "prune").out
    assert len(cache.keys()) == 2
    assert "removed 2 items, 4.0 KiB" in affectflow("cache", "prune", "--days", "0").out
    assert cache.keys() == []
    assert affectflow("cache", "prune", "--days", "-1").code == 2


def test_cache_verify_finds_and_repairs_damage(
    affectflow: Call, cache: ItemCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert affectflow("cache", "verify").out == "2 items and 0 files of DVC's cache are whole\n"
    (cache.path(64 * "a") / "a.h5").write_bytes(b"y" * 2048)
    answer = affectflow("cache", "verify")
    assert answer.code == 1
    assert "the checksum of a.h5 differs" in answer.err
    assert len(cache.keys()) == 2
    answer = affectflow("cache", "verify", "--repair")
    assert answer.code == 0
    assert "removed" in answer.out
    assert "1 items and 0 files" in answer.out
    assert cache.keys() == [64 * "b"]


# --- export


@pytest.fixture
def results(project: Path) -> npt.NDArray[np.float32]:
    """Features of one backbone and predictions of one model, in the project's own places."""
    generator = np.random.default_rng(0)
    trials = {}
    for trial, frames in (("t1", 5), ("t2", 7)):
        trials[trial] = project / "groups" / trial
        write_trial(
            trials[trial],
            embedding=generator.normal(size=(frames, 3)),
            time=np.arange(frames) / 25,
            valid=np.arange(frames) != 2,
            store="float16",
            attributes={},
        )
    assemble_store(project / "data" / "features" / "ir50.zarr", trials, attributes={"modality": "visual"})
    folder = project / "predictions" / "visual"
    folder.mkdir(parents=True)
    labels = np.array([[0.5, np.nan], [-0.25, 1]], dtype=np.float32)
    time = np.arange(2) / 25
    values = generator.normal(size=(2, 2)).astype(np.float32)
    gate = {"gate": np.ones((2, 3), dtype=np.float32)}
    write_frames(
        folder / "frames.h5",
        targets=["valence", "arousal"],
        validation=[TrialPrediction("t1", time, values, labels, 0, gate)],
        test=[TrialPrediction("t2", time, values)],
    )
    return values


def test_features_to_one_file(affectflow: Call, results: npt.NDArray[np.float32]) -> None:
    answer = affectflow("export", "features", "--to", "out.h5")
    assert answer.out == "out.h5: 2 trials of ir50\n"
    with h5py.File("out.h5") as file:
        assert file["ir50/t2/embedding"].shape == (7, 3)
        assert file["ir50/t2/embedding"].dtype == np.float16
        assert list(file["ir50/t1/valid"]) == [True, True, False, True, True]
        np.testing.assert_allclose(file["ir50/t1/time"], np.arange(5) / 25)
    affectflow("export", "features", "--to", "again.h5")
    assert Path("again.h5").read_bytes() == Path("out.h5").read_bytes()


def test_features_to_tables(affectflow: Call, results: npt.NDArray[np.float32]) -> None:
    affectflow("export", "features", "--format", "csv", "--to", "out", "--only", "ir50")
    affectflow("export", "features", "--to", "out.h5")
    with (Path("out") / "ir50" / "t1.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["time", "valid", "f0", "f1", "f2"]
    with h5py.File("out.h5") as file:
        table = np.array([[row["f0"], row["f1"], row["f2"]] for row in rows], dtype=np.float16)
        np.testing.assert_array_equal(table, file["ir50/t1/embedding"])


def test_predictions_to_one_file(affectflow: Call, results: npt.NDArray[np.float32]) -> None:
    answer = affectflow("export", "predictions", "--to", "out.h5")
    assert answer.out == "out.h5: 2 trials of visual\n"
    with h5py.File("out.h5") as file:
        assert list(file["visual"].attrs["targets"]) == ["valence", "arousal"]
        np.testing.assert_array_equal(file["visual/validation/t1/predictions"], results)
        assert file["visual/validation/t1/attention/gate"].shape == (2, 3)
        assert "labels" in file["visual/validation/t1"]
        assert "labels" not in file["visual/test/t2"]


def test_predictions_to_tables(affectflow: Call, results: npt.NDArray[np.float32]) -> None:
    affectflow("export", "predictions", "--format", "csv", "--to", "out")
    files = tree(Path("out"))
    assert set(files) == {"visual/validation/t1.csv", "visual/test/t2.csv"}
    rows = files["visual/validation/t1.csv"].decode().splitlines()
    assert rows[0] == "time,valence,arousal,valence_label,arousal_label"
    assert rows[1].endswith(",0.5,"), "an un-annotated label is left empty"
    assert files["visual/test/t2.csv"].decode().splitlines()[0] == "time,valence,arousal"
    read = np.array([row.split(",")[1:3] for row in rows[1:]], dtype=np.float32)
    np.testing.assert_array_equal(read, results)


def test_further_repeats_are_exported(affectflow: Call, results: npt.NDArray[np.float32]) -> None:
    frames = Path("predictions/visual/frames.h5")
    read = read_frames(frames)
    half, quarter = (np.asarray(results / share, dtype=np.float32) for share in (2, 4))
    repeated = replace(read.validation["t1"], further=(half, quarter))
    write_frames(frames, targets=read.targets, validation=[repeated], test=read.test.values())
    affectflow("export", "predictions", "--to", "out.h5")
    with h5py.File("out.h5") as file:
        np.testing.assert_array_equal(file["visual/validation/t1/further_repeats"], [half, quarter])
        assert "further_repeats" not in file["visual/test/t2"]
    affectflow("export", "predictions", "--format", "csv", "--to", "out")
    with Path("out/visual/validation/t1.csv").open() as table:
        rows = list(csv.DictReader(table))
    assert [float(row["arousal_repeat2"]) for row in rows] == pytest.approx(list(quarter[:, 1]))
    assert [float(row["valence_repeat1"]) for row in rows] == pytest.approx(list(half[:, 0]))


def test_an_export_overwrites_nothing_and_names_what_is_missing(
    affectflow: Call, results: npt.NDArray[np.float32]
) -> None:
    Path("out.h5").write_text("mine")
    answer = affectflow("export", "features", "--to", "out.h5")
    assert (answer.code, "exists already" in answer.err) == (1, True)
    assert Path("out.h5").read_text() == "mine"
    shutil.rmtree("predictions")
    answer = affectflow("export", "predictions", "--to", "new.h5")
    assert answer.code == 1
    assert "predictions/visual/frames.h5: missing -> run `dvc repro` first" in answer.err
    assert not Path("new.h5").exists()
    answer = affectflow("export", "features", "--to", "new.h5", "--only", "ir5")
    assert "no 'ir5'; did you mean 'ir50'" in answer.err


# --- folds


def test_folds_prints_the_table(affectflow: Call, project: Path) -> None:
    from pipeline.clips.manifest import ManifestRow, write_manifest

    rows = [
        ManifestRow(name, cast(Partition, part), subject, 25.0, frames, frames, frames, 1.0, "d", "m", "l")
        for name, part, subject, frames in (
            ("a", "train", "s1", 10),
            ("b", "train", "s2", 20),
            ("c", "validation", "s3", 5),
        )
    ]
    (project / "data" / "clips").mkdir(parents=True)
    write_manifest(project / "data" / "clips" / "manifest.csv", rows)
    folds = {
        "scheme": "subject",
        "folds": [{"train": ["a", "b"], "validation": ["c"]}, {"train": ["a", "c"], "validation": ["b"]}],
        "test": [],
    }
    (project / "data" / "folds.json").write_text(json.dumps(folds))
    answer = affectflow("folds")
    lines = [line.split() for line in answer.out.splitlines()]
    assert ["0", "2", "/", "30", "1", "/", "5", "s3"] in lines
    assert ["1", "2", "/", "15", "1", "/", "20", "s2"] in lines
    said = json.loads(affectflow("folds", "--json").out)
    assert said["folds"][1]["validation"] == {"trials": 1, "frames": 20}
    assert said["folds"][0]["held_out"] == ["s3"]
