import shutil
from pathlib import Path

import pytest

from pipeline.clips.target import targets_of
from pipeline.corpora.labels import label_files
from pipeline.readers.recola import Recola
from tests.miniatures import RECOLA, arff, recola_config, write_bytes, write_text, write_wav

TARGETS = targets_of({"valence": (-1, 1), "arousal": (-1, 1)})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The folders with empty files: the reader looks at names alone."""
    root = tmp_path / "corpus"
    for trial in RECOLA:
        write_bytes(root / "recordings_video" / f"{trial}.mp4", b"")
        write_bytes(root / "recordings_audio" / f"{trial}.wav", b"")
        for target in ("arousal", "valence"):
            if trial != "test_1":
                write_bytes(root / "ratings_gold_standard" / target / f"{trial}.arff", b"")
    return root


def faults(root: Path) -> list[str]:
    found = [str(problem).replace(f"{root}/", "") for problem in Recola(recola_config(root)).validate()]
    assert found
    return found


def test_the_released_layout(root: Path) -> None:
    corpus = Recola(recola_config(root))
    assert corpus.validate() == ()
    trials = {trial.trial: trial for trial in corpus.trials()}
    assert list(trials) == sorted(RECOLA)
    assert [trial.partition for trial in trials.values()] == ["validation", "test", "train", "train"]
    first = trials["train_1"]
    assert first.subject == "train_1"
    assert first.images is None
    assert first.video == root / "recordings_video/train_1.mp4"
    assert first.audio == root / "recordings_audio/train_1.wav"
    assert first.annotation is not None
    assert [file.path for file in label_files(first.annotation, TARGETS)] == [
        root / "ratings_gold_standard/valence/train_1.arff",
        root / "ratings_gold_standard/arousal/train_1.arff",
    ]
    assert trials["test_1"].annotation is None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("recordings_video", "RECOLA-Video-recordings"),
        ("recordings_video", "recordings/recordings_video"),
        ("recordings_video", "Videos"),
        ("recordings_audio", "RECOLA-Audio-recordings"),
        ("recordings_audio", "recordings/recordings_audio"),
        ("recordings_audio", "recordings_audio/recordings_audio"),
        ("ratings_gold_standard", "ratings_gold_standard/ratings_gold_standard"),
        ("ratings_gold_standard", "gold-standard"),
    ],
)
def test_folders_go_by_other_names_too(root: Path, before: str, after: str) -> None:
    expected = [trial.trial for trial in Recola(recola_config(root)).trials()]
    moved = root.parent / "moved"
    (root / before).rename(moved)
    (root / after).parent.mkdir(parents=True, exist_ok=True)
    moved.rename(root / after)
    corpus = Recola(recola_config(root))
    assert corpus.validate() == ()
    assert [trial.trial for trial in corpus.trials()] == expected
    files = [path for trial in corpus.trials() for path in (trial.video, trial.audio)]
    assert all(path and path.is_file() for path in files)
    assert any(after in str(path) for path in [*files, *(trial.annotation for trial in corpus.trials())])


def test_without_a_folder_of_sounds_the_videos_sound_counts(root: Path) -> None:
    shutil.rmtree(root / "recordings_audio")
    corpus = Recola(recola_config(root))
    assert corpus.validate() == ()
    assert [trial.audio for trial in corpus.trials()] == [None] * len(RECOLA)


def test_a_trial_is_every_name_that_has_any_file(root: Path) -> None:
    (root / "recordings_video/train_2.mp4").unlink()
    (root / "recordings_audio/train_2.wav").unlink()
    (root / "recordings_audio/dev_1.wav").unlink()
    trials = {trial.trial: trial for trial in Recola(recola_config(root)).trials()}
    # What is missing is named by the index, which looks at every file.
    assert trials["train_2"].video == root / "recordings_video/train_2.mp4"
    assert trials["dev_1"].audio == root / "recordings_audio/dev_1.wav"


def test_an_avi_counts_and_arff_comes_before_csv(root: Path) -> None:
    (root / "recordings_video/train_2.mp4").rename(root / "recordings_video/train_2.avi")
    write_bytes(root / "ratings_gold_standard/valence/train_1.csv", b"")
    for target in ("arousal", "valence"):
        folder = root / "ratings_gold_standard" / target
        (folder / "train_2.arff").rename(folder / "train_2.csv")
    corpus = Recola(recola_config(root))
    assert corpus.validate() == ()
    trials = {trial.trial: trial for trial in corpus.trials()}
    assert trials["train_2"].video.suffix == ".avi"
    assert str(trials["train_1"].annotation).endswith("train_1.arff")
    assert str(trials["train_2"].annotation).endswith("train_2.csv")


def test_ratings_of_the_test_set_are_taken_where_they_are(root: Path) -> None:
    for target in ("arousal", "valence"):
        write_text(root / "ratings_gold_standard" / target / "test_1.arff", arff("test_1", target))
    trials = {trial.trial: trial for trial in Recola(recola_config(root)).trials()}
    assert str(trials["test_1"].annotation).endswith("test_1.arff")


def test_one_target_alone(root: Path) -> None:
    shutil.rmtree(root / "ratings_gold_standard/arousal")
    corpus = Recola(recola_config(root, targets={"valence": (-1.0, 1.0)}, label_delay={}))
    assert corpus.validate() == ()
    assert len(corpus.trials()) == len(RECOLA)


def test_all_problems_at_once(root: Path) -> None:
    for name in ("P16.mp4", "train_0.mp4", "train_4.mp4"):
        write_bytes(root / "recordings_video" / name, b"")
    write_wav(root / "audio/train_1.wav")
    folder = root / "ratings_gold_standard/valence"
    (folder / "train_2.arff").rename(folder / "train_2.csv")
    shutil.rmtree(root / "ratings_gold_standard/arousal")
    (root / "ratings_gold_standard/arousal").mkdir()
    (root / "ratings_gold_standard/arousal/train_2.arff").write_bytes(b"")
    found = faults(root)
    assert len(found) == 5
    text = "\n".join(found)
    assert "recordings_audio: means the same as audio" in text.replace(str(root), "")
    assert "recordings_video/P16.mp4: not a trial's name" in text
    assert "recordings_video/train_0.mp4: not a trial's name" in text
    assert "there is no trial train_3, but one with a higher number" in text
    assert "trial train_2: ratings of different kinds: .arff, .csv" in text


def test_missing_folders(root: Path, tmp_path: Path) -> None:
    shutil.rmtree(root / "ratings_gold_standard/valence")
    assert faults(root) == [
        "ratings_gold_standard/valence: missing -> see docs/corpora.md for the names that are understood"
    ]
    shutil.rmtree(root / "ratings_gold_standard")
    shutil.rmtree(root / "recordings_video")
    assert [line.partition(":")[0] for line in faults(root)] == ["recordings_video", "ratings_gold_standard"]
    assert Recola(recola_config(root)).trials() == ()
    nowhere = Recola(recola_config(tmp_path / "nowhere"))
    assert [problem.remedy for problem in nowhere.validate()] == [
        "set corpus.root in params.yaml to where the corpus lies"
    ]


def test_files_are_found_without_regard_to_case(root: Path) -> None:
    expected = [trial.trial for trial in Recola(recola_config(root)).trials()]
    (root / "recordings_video/train_1.mp4").rename(root / "recordings_video/Train_1.MP4")
    (root / "recordings_audio/train_1.wav").rename(root / "recordings_audio/TRAIN_1.WAV")
    for target in ("arousal", "valence"):
        folder = root / "ratings_gold_standard" / target
        (folder / "train_1.arff").rename(folder / "Train_1.ARFF")
    corpus = Recola(recola_config(root))
    assert corpus.validate() == ()
    assert [trial.trial for trial in corpus.trials()] == expected
    trial = next(trial for trial in corpus.trials() if trial.trial == "train_1")
    assert trial.annotation is not None
    files = [trial.video, trial.audio, *(file.path for file in label_files(trial.annotation, TARGETS))]
    assert all(path and path.is_file() for path in files)


def test_one_name_in_two_spellings_is_refused(root: Path) -> None:
    write_bytes(root / "recordings_video/Train_1.mp4", b"another")
    folder = root / "ratings_gold_standard/valence"
    (folder / "train_2.arff").rename(folder / "TRAIN_2.arff")
    assert faults(root) == [
        "recordings_video/train_1.mp4: the same name as Train_1.mp4 -> keep one of the two",
        "ratings_gold_standard, trial train_2: ratings in differently spelled files: TRAIN_2.arff, train_2.arff -> "
        "call the files of all targets alike",
    ]


@pytest.mark.parametrize("number", ["1000", "9" * 100, "1\u0662"])
def test_a_number_far_too_high_is_no_trials_name(root: Path, number: str) -> None:
    write_bytes(root / f"recordings_video/train_{number}.mp4", b"")
    (problem,) = faults(root)
    assert problem.startswith(f"recordings_video/train_{number}.mp4: not a trial's name")
