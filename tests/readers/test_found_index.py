"""The index of corpora without crops."""

from pathlib import Path

import pytest

from pipeline.corpora.config import RecolaConfig, TableConfig
from pipeline.readers.index import IndexRow, build_index, is_stale, read_index, survey, write_index
from pipeline.runtime.errors import InputError
from tests.corpus_factory import SERIAL, age, memory_in
from tests.media_factory import cut_off, write_video
from tests.miniatures import (
    PEOPLE,
    RECOLA,
    edited,
    fatigue_row,
    write_bytes,
    write_fatigue,
    write_manifest,
    write_recola,
    write_wav,
)


@pytest.fixture
def recola(tmp_path: Path) -> RecolaConfig:
    config = write_recola(tmp_path / "corpus")
    age(tmp_path)
    return config


@pytest.fixture
def fatigue(tmp_path: Path) -> TableConfig:
    config = write_fatigue(tmp_path / "corpus")
    age(tmp_path)
    return config


def build(config: RecolaConfig | TableConfig) -> dict[str, IndexRow]:
    rows = build_index(config, memory=memory_in(Path(config.index).parent), executor=SERIAL)
    return {row.trial: row for row in rows}


def faults(config: RecolaConfig | TableConfig) -> list[str]:
    found = survey(config, memory=memory_in(Path(config.index).parent), executor=SERIAL).problems
    assert found
    return [str(problem).replace(f"{config.root}/", "") for problem in found]


def test_recola(recola: RecolaConfig) -> None:
    rows = build(recola)
    assert list(rows) == sorted(RECOLA)
    row = rows["train_1"]
    assert (row.partition, row.subject, row.images, row.n_images) == ("train", "train_1", "", 0)
    assert row.video == "recordings_video/train_1.mp4"
    assert row.audio == "recordings_audio/train_1.wav"
    assert row.annotation == "ratings_gold_standard/{target}/train_1.arff"
    assert rows["test_1"].annotation == ""


def test_a_table(fatigue: TableConfig) -> None:
    rows = build(fatigue)
    assert list(rows) == sorted(PEOPLE)
    row = rows["p1_a"]
    assert (row.partition, row.subject, row.video, row.audio) == ("train", "p1", "video/p1_a.mp4", "")
    assert (row.annotation, row.images) == ("labels/p1_a.csv", "")


@pytest.mark.parametrize("kind", ["recola", "fatigue"])
def test_the_file_tells_where_everything_is(kind: str, request: pytest.FixtureRequest) -> None:
    config = request.getfixturevalue(kind)
    rows = build(config)
    path = Path(config.index)
    write_index(path, list(rows.values()))
    first = path.read_bytes()
    assert config.root.encode() not in first
    assert {row.trial: row for row in read_index(path)} == rows
    for row in rows.values():
        trial = row.locate(Path(config.root))
        assert trial.images is None
        assert trial.video.is_file()
    write_index(path, list(reversed(rows.values())))
    assert path.read_bytes() == first
    assert not is_stale(config, memory=memory_in(path.parent), executor=SERIAL)


@pytest.mark.parametrize(
    "name",
    [
        "recordings_video/train_1.mp4",
        "recordings_audio/train_1.wav",
        "ratings_gold_standard/valence/train_1.arff",
        "ratings_gold_standard/arousal/train_1.arff",
    ],
)
def test_every_file_of_a_trial_counts_in_its_digest(recola: RecolaConfig, name: str) -> None:
    before = build(recola)
    path = Path(recola.root) / name
    if path.suffix == ".arff":
        edited(path, lambda text: text.replace(",0.04,0.", ",0.04,0.0"))
    elif path.suffix == ".wav":
        write_wav(path, hertz=999)
    else:
        write_video(path, frames=9)
    after = build(recola)
    assert [trial for trial in before if before[trial].digest != after[trial].digest] == ["train_1"]


def test_changing_the_format_of_labels_reads_them_again(fatigue: TableConfig) -> None:
    build(fatigue)
    narrower = fatigue.model_copy(update={"targets": {"fatigue": (0.0, 5.0)}})
    assert any("is outside [0, 5]" in line for line in faults(narrower))


def test_all_problems_of_recola_at_once(recola: RecolaConfig) -> None:
    root = Path(recola.root)
    edited(root / "ratings_gold_standard/valence/train_1.arff", lambda text: text.replace("0.12,", "0.08,"))
    (root / "ratings_gold_standard/arousal/train_2.arff").unlink()
    (root / "recordings_audio/dev_1.wav").unlink()
    cut_off(root / "recordings_video/dev_1.mp4")
    write_bytes(root / "recordings_video/P16.mp4", b"")
    with pytest.raises(InputError) as caught:
        build(recola)
    found = faults(recola)
    assert [str(problem).replace(f"{root}/", "") for problem in caught.value.problems] == found
    assert len(found) == 5
    text = "\n".join(found)
    assert "recordings_video/P16.mp4: not a trial's name" in text
    line = 9 + 4
    assert f"valence/train_1.arff:{line}, trial train_1: time 0.08 s is not later than 0.08 s" in text
    assert "arousal/train_2.arff, trial train_2: the arousal annotation is missing" in text
    assert "recordings_audio/dev_1.wav, trial dev_1: the audio is missing" in text
    assert "recordings_video/dev_1.mp4, trial dev_1: the file breaks off" in text


def test_all_problems_of_a_table_at_once(fatigue: TableConfig) -> None:
    root = Path(fatigue.root)
    edited(root / "labels/p1_a.csv", lambda text: text.replace("0.5,", "0.5,1"))
    (root / "labels/p2.csv").unlink()
    (root / "video/p3.mp4").unlink()
    write_video(root / "video/p4.mp4", audio=False)
    rows = [fatigue_row(trial) for trial in PEOPLE]
    rows[4]["audio"] = rows[4]["video"]  # a file that is named for its sound
    rows[-1]["subject"] = ""
    write_manifest(Path(fatigue.manifest), rows)
    found = faults(fatigue)
    assert len(found) == 5
    text = "\n".join(found)
    assert "manifest.csv:7, trial p5: no subject" in text
    assert "labels/p1_a.csv:3, trial p1_a: fatigue 11 is outside [0, 10]" in text
    assert "labels/p2.csv, trial p2: the annotation is missing" in text
    assert "video/p3.mp4, trial p3: the video is missing" in text
    assert "video/p4.mp4, trial p4: there is no audio stream" in text


def test_a_wav_without_sound_and_a_video_that_needs_none(recola: RecolaConfig) -> None:
    root = Path(recola.root)
    write_video(root / "recordings_video/train_1.mp4", audio=False)
    assert "train_1" in build(recola)
    write_wav(root / "recordings_audio/train_1.wav", seconds=0)
    assert "recordings_audio/train_1.wav, trial train_1: the audio stream is empty" in faults(recola)[0]


@pytest.mark.parametrize("column", ["video", "audio", "labels"])
def test_a_folder_in_a_cell_is_refused(fatigue: TableConfig, column: str) -> None:
    rows = [fatigue_row(trial) for trial in PEOPLE]
    rows[0][column] = "video"
    write_manifest(Path(fatigue.manifest), rows)
    source = "annotation" if column == "labels" else column
    (problem,) = faults(fatigue)
    assert problem == f"video, trial p1_a: the {source} is not a file -> name the file itself, with its suffix"
