"""`affectflow predict` on models that the stages trained: what comes out is what `dvc repro` gives for a test trial."""

import csv
import json
import shutil
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from pipeline.demo.encode import write_video
from pipeline.evaluation.predictions import read_frames
from pipeline.inference.files import RECORD
from pipeline.inference.source import CHOICE
from pipeline.models.recipe import RECIPE
from tests import media_factory
from tests.cli.calling import Call, caller
from tests.face_factory import HERE, Place, face_picture, tone, write_face_video
from tests.inference.project import TEST, trained_project

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with trained_project(tmp_path_factory.mktemp("project")) as root:
        yield root


@pytest.fixture
def affectflow(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    call = caller(monkeypatch, capsys)
    # In this process, whose backbones are narrow.
    return lambda *arguments: call(*arguments, *(["--workers", "1"] if arguments[0] == "predict" else []))


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def fatigue(project: Path, model: str) -> list[str]:
    """Return what the stages predicted for the test trial, as its text has it."""
    rows = (project / "predictions" / model / f"{TEST}.txt").read_text().splitlines()[1:]
    return [row.split(",")[1] for row in rows]


@pytest.fixture
def video(project: Path) -> Path:
    return project / "corpus" / "video" / f"{TEST}.mp4"


@pytest.mark.parametrize("model", ["grjca", "visual", "audio", "grjca-finetuned"])
def test_the_table_is_the_test_trials_text_byte_for_byte(
    model: str, project: Path, video: Path, tmp_path: Path, affectflow: Call
) -> None:
    answer = affectflow("predict", video, "--model", model, "--out", tmp_path)
    assert answer.code == 0, answer.err
    rows = table(tmp_path / f"{TEST}.csv")
    text = (project / "predictions" / model / f"{TEST}.txt").read_text().splitlines()
    assert len(set(text)) > 10
    assert ["time,fatigue", *(f"{row['time']},{row['fatigue']}" for row in rows)] == text
    frames = read_frames(project / "predictions" / model / "frames.h5").test[TEST]
    assert [row["time"] for row in rows] == [f"{at:.6f}" for at in frames.time]
    names = {
        f"attention_{name}" + "".join(f"_{n}" for n in place): values[(slice(None), *place)]
        for name, values in frames.attention.items()
        for place in np.ndindex(*values.shape[1:])
    }
    assert bool(names) == model.startswith("grjca")
    for name, values in names.items():
        assert [row[name] for row in rows] == [f"{value:.6f}" for value in values]
    assert ("face_valid" in rows[0]) == (model != "audio")
    if model != "audio":
        assert all(row["face_valid"] == "1" and float(row["face_side"]) > 20 for row in rows)
    assert (tmp_path / f"{TEST}.png").read_bytes()[:4] == b"\x89PNG"


def test_a_packed_model_predicts_the_same_in_an_empty_folder(
    project: Path, video: Path, tmp_path: Path, affectflow: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    for model in ("grjca", "grjca-finetuned"):
        packed = tmp_path / f"{model}.affectflow"
        assert affectflow("pack", model, "-o", packed).code == 0
        first = packed.read_bytes()
        again = affectflow("pack", model, "-o", packed)
        assert again.code == 1
        assert "--force" in again.err
        assert affectflow("pack", model, "-o", packed, "--force", "--json").code == 0
        assert packed.read_bytes() == first
        with monkeypatch.context() as patch:
            empty = tmp_path / f"empty-{model}"
            empty.mkdir()
            patch.chdir(empty)
            answer = affectflow("predict", video, "--model", packed)
            assert answer.code == 0, answer.err
            said = [row["fatigue"] for row in table(Path(f"predicted/{TEST}.csv"))]
            assert {path.name for path in empty.iterdir()} == {"predicted"}
        assert said == fatigue(project, model)


def test_an_unpacked_and_a_copied_folder_are_models_too(
    project: Path, video: Path, tmp_path: Path, affectflow: Call
) -> None:
    expected = fatigue(project, "visual")
    assert affectflow("pack", "visual", "-o", tmp_path / "v.zip").code == 0
    shutil.unpack_archive(tmp_path / "v.zip", tmp_path / "unpacked")
    assert affectflow("predict", video, "-m", tmp_path / "unpacked", "--out", tmp_path / "a").code == 0
    assert [row["fatigue"] for row in table(tmp_path / "a" / f"{TEST}.csv")] == expected
    # A copy knows nothing of the evaluation.
    shutil.copytree(project / "models" / "visual", tmp_path / "copied" / "visual")
    copied = tmp_path / "copied" / "visual"
    answer = affectflow("predict", video, "-m", copied, "--out", tmp_path / "b")
    assert answer.code == 1
    assert "--fold all" in answer.err
    answer = affectflow(
        "predict", video, "-m", tmp_path / "copied" / "visual", "--fold", "all", "--out", tmp_path / "b"
    )
    assert answer.code == 0, answer.err
    said = np.array([float(row["fatigue"]) for row in table(tmp_path / "b" / f"{TEST}.csv")])
    np.testing.assert_allclose(said, np.array(expected, dtype=float), atol=2e-6)


def test_one_fold_is_the_mean_of_its_repeats(project: Path, video: Path, tmp_path: Path, affectflow: Call) -> None:
    frames = read_frames(project / "predictions" / "grjca" / "frames.h5").test[TEST]
    for fold, said in frames.by_fold.items():
        answer = affectflow("predict", video, "-m", "grjca", "--fold", fold, "--out", tmp_path, "--json")
        (entry,) = json.loads(answer.out)["predictions"]
        assert entry["folds"] == [fold]
        values = [row["fatigue"] for row in table(tmp_path / f"{TEST}.csv")]
        assert values == [f"{value:.6f}" for value in np.clip(said[:, 0], 0, 10)]
    answer = affectflow("predict", video, "-m", "grjca", "--fold", "7", "--out", tmp_path)
    assert answer.code == 1
    assert "0, 1" in answer.err


def test_a_video_without_sound_serves_a_visual_model_alone(project: Path, tmp_path: Path, affectflow: Call) -> None:
    pictures = [face_picture((HERE[0] + n / 4, HERE[1], HERE[2])) for n in range(20)]
    silent = media_factory.write_video(tmp_path / "silent.mp4", pictures=pictures, rate=25, audio=None)
    answer = affectflow("predict", silent, "-m", "visual", "--out", tmp_path / "out", "--overlay")
    assert answer.code == 0, answer.err
    assert len(table(tmp_path / "out" / "silent.csv")) == 20
    for model in ("grjca", "audio"):
        answer = affectflow("predict", silent, "-m", model, "--out", tmp_path / model)
        assert answer.code == 1
        assert "no sound" in answer.err
        assert "model of pictures alone" in answer.err
        assert not (tmp_path / model).exists()


def test_who_is_away_for_long_is_predicted_and_marked(project: Path, tmp_path: Path, affectflow: Call) -> None:
    path = write_face_video(tmp_path / "away.mp4", frames=90, place=lambda n: [] if 20 <= n < 70 else [HERE])
    answer = affectflow("predict", path, "-m", "grjca", "--out", tmp_path / "out")
    assert answer.code == 0, answer.err
    rows = table(tmp_path / "out" / "away.csv")
    away = [n for n, row in enumerate(rows) if row["face_valid"] == "0"]
    assert away == list(range(away[0], away[-1] + 1))
    assert 18 <= away[0] <= 22
    assert 67 <= away[-1] <= 71
    assert all(rows[n]["face_left"] == "" and rows[n]["fatigue"] for n in away)
    nobody = write_face_video(tmp_path / "nobody.mp4", frames=20, place=lambda n: [])
    answer = affectflow("predict", nobody, "-m", "grjca", "--out", tmp_path / "out")
    assert answer.code == 1
    assert "no face in any frame" in answer.err
    assert affectflow("predict", nobody, "-m", "audio", "--out", tmp_path / "out").code == 0


def test_each_person_has_a_table(project: Path, tmp_path: Path, affectflow: Call) -> None:
    size = (320, 120)
    left: Place = (80, 62, 42)
    right: Place = (240, 62, 36)
    both = write_face_video(tmp_path / "two.mp4", frames=30, place=lambda n: [left, right], size=size)
    answer = affectflow("predict", both, "-m", "grjca", "--out", tmp_path / "out", "--face", "each", "--json")
    assert answer.code == 0, answer.err
    names = [entry["name"] for entry in json.loads(answer.out)["predictions"]]
    assert names == ["two-person1", "two-person2"]
    one, other = (table(tmp_path / "out" / f"{name}.csv") for name in names)
    assert all(float(row["face_left"]) < 120 for row in one)
    assert all(float(row["face_left"]) > 160 for row in other)
    # Who is alone is predicted as among others.
    alone = write_face_video(tmp_path / "one.mp4", frames=30, place=lambda n: [left], size=size)
    assert affectflow("predict", alone, "-m", "visual", "--out", tmp_path / "out").code == 0
    assert affectflow("predict", both, "-m", "visual", "--out", tmp_path / "out", "--face", "each").code == 0
    said, again = (
        np.array([float(row["fatigue"]) for row in table(tmp_path / "out" / f"{name}.csv")])
        for name in ("one", "two-person1")
    )
    assert np.abs(said - again).max() < 0.5


def test_a_folder_is_predicted_and_what_cannot_be_is_named_at_the_end(
    project: Path, tmp_path: Path, affectflow: Call
) -> None:
    folder = tmp_path / "videos"
    for name in ("a.mp4", "below/b.mp4"):
        write_face_video(folder / name, frames=10)
    (folder / "broken.mp4").write_bytes(b"no video")
    (folder / "notes.txt").write_text("no video either")
    out = folder / "predicted"
    answer = affectflow("predict", folder, "-m", "visual", "--out", out, "--json", "--overlay")
    assert answer.code == 1
    result = json.loads(answer.out)
    assert [entry["name"] for entry in result["predictions"]] == ["a", "b"]
    (left_out,) = result["left_out"]
    assert left_out["video"] == str(folder / "broken.mp4")
    assert "1 of 3 videos could not be predicted" in answer.err
    assert "broken.mp4" in answer.err.splitlines()[-1]
    # Its own overlays are no new videos, and its own files are written again without a question.
    (folder / "broken.mp4").unlink()
    before = (out / "a.csv").read_bytes()
    assert affectflow("predict", folder, "-m", "visual", "--out", out).code == 0
    assert (out / "a.csv").read_bytes() == before
    assert sorted(one["name"] for one in json.loads((out / RECORD).read_text())["predictions"]) == ["a", "b"]


def test_nothing_is_written_over_that_was_not_written_here(
    project: Path, video: Path, tmp_path: Path, affectflow: Call
) -> None:
    (tmp_path / f"{TEST}.csv").write_text("mine")
    answer = affectflow("predict", video, "-m", "audio", "--out", tmp_path)
    assert answer.code == 1
    assert "--force" in answer.err
    assert (tmp_path / f"{TEST}.csv").read_text() == "mine"
    assert affectflow("predict", video, "-m", "audio", "--out", tmp_path, "--force").code == 0
    (tmp_path / f"{TEST}.csv").write_text("my remarks")
    answer = affectflow("predict", video, "-m", "audio", "--out", tmp_path)
    assert "was changed since it was written" in answer.err


def test_rotated_videos_are_predicted_as_they_are_shown(project: Path, tmp_path: Path, affectflow: Call) -> None:
    said = []
    for name, order in (("upright", (1, 0, 0, 1)), ("turned", (0, 1, -1, 0))):
        path = write_face_video(tmp_path / f"{name}.mp4", frames=20, order=order)
        assert affectflow("predict", path, "-m", "visual", "--out", tmp_path / "out").code == 0
        said.append(table(tmp_path / "out" / f"{name}.csv"))
    upright, turned = ([float(row["face_left"]) for row in rows] for rows in said)
    np.testing.assert_allclose(upright, turned, atol=3)


def test_frames_of_a_variable_rate_keep_their_times(project: Path, tmp_path: Path, affectflow: Call) -> None:
    ticks = np.cumsum([0, *([30, 60, 45, 90] * 5)])
    write_video(
        tmp_path / "vary.mp4",
        [face_picture(HERE)] * len(ticks),
        ticks=ticks,
        time_base=Fraction(1, 1000),
        size=(160, 120),
        samples=tone(ticks[-1] / 1000 + 0.05, 16000),
        sample_rate=16000,
    )
    assert affectflow("predict", tmp_path / "vary.mp4", "-m", "grjca", "--out", tmp_path / "out").code == 0
    times = np.array([float(row["time"]) for row in table(tmp_path / "out" / "vary.csv")])
    np.testing.assert_allclose(np.diff(times), np.diff(ticks) / 1000, atol=2e-3)


def test_another_network_or_front_end_is_refused(project: Path, video: Path, tmp_path: Path, affectflow: Call) -> None:
    assert affectflow("pack", "visual", "-o", tmp_path / "v.zip").code == 0
    folder = tmp_path / "v"
    shutil.unpack_archive(tmp_path / "v.zip", folder)
    recipe = json.loads((folder / RECIPE).read_text())

    def refused(change: Callable[[], object], *words: str) -> None:
        change()
        answer = affectflow("predict", video, "-m", folder, "--out", tmp_path / "out")
        assert answer.code == 1
        for word in (*words, "->"):
            assert word in answer.err
        shutil.unpack_archive(tmp_path / "v.zip", folder)

    def stream(**changes: object) -> Callable[[], object]:
        known = {**recipe["streams"]["visual"], **changes}
        return lambda: (folder / RECIPE).write_text(json.dumps({**recipe, "streams": {"visual": known}}))

    network = folder / "fold1.safetensors"
    refused(lambda: network.write_bytes(network.read_bytes()[:-1] + b"\0"), "fold1.safetensors", "not the network")
    refused(network.unlink, "fold1.safetensors", "missing")
    refused(stream(front_end={**recipe["streams"]["visual"]["front_end"], "crop": 41}), "crop 41, now 40")
    refused(stream(backbone="ir51"), "no backbone 'ir51'")
    weights = {"name": "res50.pth", "seed": None, "sha256": "ab" * 32}
    refused(stream(weights=weights), "res50.pth", "ab" * 32, "data/weights")
    refused(lambda: (folder / CHOICE).write_text("{}"), CHOICE)
    refused(lambda: (folder / RECIPE).unlink(), RECIPE)


def test_unknown_models_and_videos_are_named(project: Path, video: Path, tmp_path: Path, affectflow: Call) -> None:
    for model, word in (("grcja", "did you mean 'grjca'"), (str(video), "affectflow pack")):
        answer = affectflow("predict", video, "-m", model, "--out", tmp_path)
        assert answer.code == 1
        assert word in answer.err
    shutil.move("models/audio", "models/kept")
    try:
        answer = affectflow("predict", video, "-m", "audio", "--out", tmp_path)
        assert "affectflow run evaluate@audio" in answer.err
    finally:
        shutil.move("models/kept", "models/audio")
    answer = affectflow("predict", "nothing.mp4", "-m", "visual", "--out", tmp_path)
    assert "no such file" in answer.err
    assert affectflow("predict", "-m", "visual").code == 2
