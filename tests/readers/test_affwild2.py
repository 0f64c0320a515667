import shutil
from pathlib import Path

import pytest
from hypothesis import given

from pipeline.corpora.config import CorpusConfig
from pipeline.readers.interface import open_corpus
from pipeline.runtime.errors import ConfigError
from pipeline.runtime.names import name_fault
from tests.corpus_factory import TEST, TRAIN, VALIDATION, config_of, labels_text, write_corpus, write_trial
from tests.strategies import nearly


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_corpus(tmp_path / "corpus")
    return tmp_path / "corpus"


def problems(root: Path, **changes: object) -> list[str]:
    found = [str(problem) for problem in open_corpus(config_of(root, **changes)).validate()]
    assert found
    return found


def test_trials_and_their_files(root: Path) -> None:
    corpus = open_corpus(config_of(root))
    assert corpus.validate() == ()
    trials = {trial.trial: trial for trial in corpus.trials()}
    assert list(trials) == sorted([*TRAIN, *VALIDATION, *TEST])
    assert [name for name, trial in trials.items() if trial.partition == "train"] == sorted(TRAIN)
    assert [name for name, trial in trials.items() if trial.partition == "test"] == sorted(TEST)
    left, right = trials["video3_left"], trials["video3_right"]
    assert left.video == right.video == root / "raw_videos/video3.mp4"
    assert left.subject == right.subject == "video3"
    assert left.annotation == root / "annotations/VA_Set/Train_Set/video3_left.txt"
    assert left.images == root / "cropped_aligned/video3_left"
    assert trials["11"].video == root / "raw_videos/11.avi"
    assert trials["12_left"].annotation is None
    assert trials["10-30-640x480-1"].subject == trials["10-30-640x480-2"].subject


def test_mp4_before_avi_and_an_unsuffixed_subject(root: Path) -> None:
    (root / "raw_videos/video4.avi").write_bytes(b"x")
    write_trial(root, "video4_right", "Validation_Set", video="video4")
    trials = {trial.trial: trial for trial in open_corpus(config_of(root)).trials()}
    assert trials["video4"].video == trials["video4_right"].video == root / "raw_videos/video4.mp4"
    assert trials["video4"].subject == trials["video4_right"].subject


@pytest.mark.parametrize("train", ["Train_Set", "train"])
@pytest.mark.parametrize("validation", ["Validation_Set", "Val_Set", "validate", "val", "validation"])
def test_names_of_the_partitions(tmp_path: Path, train: str, validation: str) -> None:
    write_trial(tmp_path, "1", train, video="1")
    write_trial(tmp_path, "2", validation, video="2")
    corpus = open_corpus(config_of(tmp_path))
    assert corpus.validate() == ()
    assert [(trial.trial, trial.partition) for trial in corpus.trials()] == [("1", "train"), ("2", "validation")]


@pytest.mark.parametrize("videos", ["raw_video", "raw_videos", "Test_Set", "raw_videos/batch1"])
@pytest.mark.parametrize("va", ["VA_Set", "VA_Estimation_Challenge", "VA_Estimation", "VA"])
@pytest.mark.parametrize("annotations", ["annotations", "Annotations", "6th_ABAW_Annotations"])
def test_names_of_the_other_folders(tmp_path: Path, annotations: str, va: str, videos: str) -> None:
    for trial, folder in (("1", "train"), ("2", "val")):
        write_trial(tmp_path, trial, folder, video=trial, va=f"{annotations}/{va}", videos=videos)
    corpus = open_corpus(config_of(tmp_path))
    assert corpus.validate() == ()
    assert [trial.video for trial in corpus.trials()] == [tmp_path / videos / "1.mp4", tmp_path / videos / "2.mp4"]
    assert all(trial.annotation and trial.annotation.is_file() for trial in corpus.trials())


def test_crops_from_two_archives(root: Path) -> None:
    (root / "cropped_aligned_new_50_vids").mkdir()
    shutil.move(root / "cropped_aligned/7", root / "cropped_aligned_new_50_vids/7")
    corpus = open_corpus(config_of(root))
    assert corpus.validate() == ()
    assert {trial.trial: trial.images for trial in corpus.trials()}["7"] == root / "cropped_aligned_new_50_vids/7"
    shutil.copytree(root / "cropped_aligned_new_50_vids/7", root / "cropped_aligned/7")
    (problem,) = problems(root)
    assert "cropped_aligned_new_50_vids/7, trial 7: a second folder of crops" in problem


@pytest.mark.parametrize(
    "place",
    [
        "test_set_VA_Challenge.txt",
        "annotations/VA_Set/TestSet/names_of_videos_in_each_test_set/"
        "Valence_Arousal_Estimation_Challenge_test_set_release.txt",
        "annotations/TestSet/Valence_Arousal_Estimation_Challenge_test_set_release.txt",
        "TestSet/names_of_videos_in_each_test_set/Valence_Arousal_Estimation_Challenge_test_set_release.txt",
    ],
)
def test_places_of_the_test_list(root: Path, place: str) -> None:
    (root / place).parent.mkdir(parents=True, exist_ok=True)
    shutil.move(root / "test_set_VA_Challenge.txt", root / place)
    corpus = open_corpus(config_of(root))
    assert corpus.validate() == ()
    assert [trial.trial for trial in corpus.trials() if trial.partition == "test"] == list(TEST)


def test_without_a_test_list_there_is_no_test_set(root: Path) -> None:
    (root / "test_set_VA_Challenge.txt").unlink()
    corpus = open_corpus(config_of(root))
    assert corpus.validate() == ()
    assert len(corpus.trials()) == len(TRAIN) + len(VALIDATION)


def test_an_empty_test_list(root: Path) -> None:
    (root / "test_set_VA_Challenge.txt").write_text("\n\n")
    (problem,) = problems(root)
    assert problem.startswith(f"{root}/test_set_VA_Challenge.txt:1: the test list is empty")


def test_a_test_list_with_unknown_and_repeated_trials(root: Path) -> None:
    (root / "test_set_VA_Challenge.txt").write_text("12_left\nnobody\n12_left\n")
    first, second = problems(root)
    assert first.startswith(f"{root}/test_set_VA_Challenge.txt:2, trial nobody: unknown trial")
    assert second.startswith(f"{root}/test_set_VA_Challenge.txt:3, trial 12_left: named twice, first in row 1")


def test_two_test_lists_that_differ(root: Path) -> None:
    (root / "annotations/test_set_VA_Challenge.txt").write_text("7\n")
    assert "annotations/test_set_VA_Challenge.txt: differs from the test list" in problems(root)[0]


def test_a_trial_in_two_partitions(root: Path) -> None:
    (root / "annotations/VA_Set/Validation_Set/7.txt").write_text(labels_text())
    (root / "test_set_VA_Challenge.txt").write_text("12_left\n11\n")
    first, second = problems(root)
    assert first.startswith(f"{root}/annotations/VA_Set/Validation_Set/7.txt, trial 7: in the partitions train and val")
    assert second.startswith(f"{root}/test_set_VA_Challenge.txt:2, trial 11: in the partitions validation and test")


@pytest.mark.parametrize(
    "folder",
    ["raw_videos", "cropped_aligned", "annotations", "annotations/VA_Set", "annotations/VA_Set/Train_Set"],
)
def test_a_missing_folder_is_named_once(root: Path, folder: str) -> None:
    shutil.rmtree(root / folder)
    found = [problem for problem in problems(root) if "missing" in problem]
    assert len(found) == 1
    assert found[0].startswith(f"{root}/{folder}: missing")


def test_a_missing_corpus(tmp_path: Path) -> None:
    corpus = open_corpus(config_of(tmp_path / "nowhere"))
    assert corpus.trials() == ()
    assert str(corpus.validate()[0]).startswith(f"{tmp_path}/nowhere: missing -> set corpus.root")


def test_two_folders_for_the_same_thing(root: Path) -> None:
    (root / "annotations/VA_Set/train").mkdir()
    (problem,) = problems(root)
    assert problem.startswith(f"{root}/annotations/VA_Set/train: means the same as {root}/annotations/VA_Set/Train_Set")


def test_a_missing_sample_submission(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    (problem,) = problems(root, sample="data/sample/vids.txt")
    assert problem.startswith("data/sample/vids.txt: missing -> set corpus.sample")
    (root / "data/sample").mkdir(parents=True)
    (root / "data/sample/vids.txt").write_text("image_location,valence,arousal\n")
    assert open_corpus(config_of(root, sample="data/sample/vids.txt")).validate() == ()


def test_clutter_is_no_trial(root: Path) -> None:
    (root / "annotations/VA_Set/Train_Set/._7.txt").write_bytes(b"\0\1")
    (root / "raw_videos/._7.mp4").write_bytes(b"\0\1")
    assert len(open_corpus(config_of(root)).trials()) == len(TRAIN + VALIDATION + TEST)


def test_an_unknown_kind(root: Path) -> None:
    config = CorpusConfig.model_construct(**{**config_of(root).model_dump(), "kind": "none_such"})
    with pytest.raises(ConfigError, match="no reader for 'none_such'"):
        open_corpus(config)


def test_names_are_compared_without_regard_to_case(tmp_path: Path) -> None:
    write_trial(tmp_path, "v5", "Train_Set", video="v5")
    write_trial(tmp_path, "V6_left", "Validation_Set", video="v6")
    write_trial(tmp_path, "v6_RIGHT", None, video="v6")
    for before, after in (
        ("annotations/VA_Set/Train_Set/v5.txt", "annotations/VA_Set/Train_Set/v5.TXT"),
        ("cropped_aligned/v5", "cropped_aligned/V5"),
        ("cropped_aligned/V5/00001.jpg", "cropped_aligned/V5/00001.JPG"),
        ("raw_videos/v5.mp4", "raw_videos/V5.MP4"),
    ):
        (tmp_path / before).rename(tmp_path / after)
    (tmp_path / "TEST_SET_va_challenge.txt").write_text("V6_Right\n")
    corpus = open_corpus(config_of(tmp_path))
    assert corpus.validate() == ()
    trials = {trial.trial: trial for trial in corpus.trials()}
    assert list(trials) == ["V6_Right", "V6_left", "v5"]
    assert trials["v5"].video == tmp_path / "raw_videos/V5.MP4"
    assert trials["v5"].images == tmp_path / "cropped_aligned/V5"
    assert trials["V6_Right"].images == tmp_path / "cropped_aligned/v6_RIGHT"
    assert trials["V6_left"].video == trials["V6_Right"].video == tmp_path / "raw_videos/v6.mp4"
    assert trials["V6_left"].subject == trials["V6_Right"].subject == "v6"


def test_one_name_in_two_spellings_is_refused(root: Path) -> None:
    for place in ("annotations/VA_Set/Train_Set/VIDEO3_left.txt", "annotations/VA_Set/Validation_Set/Video4.txt"):
        (root / place).write_text(labels_text())
    shutil.copytree(root / "cropped_aligned/7", root / "cropped_aligned/video3_LEFT")
    (root / "raw_videos/Video4.mp4").write_bytes(b"another")
    (root / "test_set_VA_Challenge.txt").write_text("12_left\n12_LEFT\n")
    found = "\n".join(problems(root))
    folder = f"{root}/annotations/VA_Set"
    assert "12_LEFT: named twice, first in row 1" in found
    assert f"{folder}/Train_Set/video3_left.txt, trial video3_left: the same name as" in found
    assert f"{folder}/Validation_Set/video4.txt, trial video4: the same name as" in found
    assert "cropped_aligned/video3_left, trial VIDEO3_left: a second folder of crops beside" in found
    assert f"raw_videos/video4.mp4, trial Video4: a second video of the same name beside {root}/raw_videos/V" in found
    assert len(found.splitlines()) == 5


@pytest.mark.parametrize(
    ("first", "other"),
    [
        ("batch1/7.mp4", "batch2/7.mp4"),
        ("batch1/7.mp4", "batch2/7.MP4"),
        ("batch2/7.mp4", "batch1/7.avi"),
        ("7.mp4", "batch1/7.mp4"),
    ],
)
def test_videos_of_one_name_in_two_folders_are_refused_naming_both(root: Path, first: str, other: str) -> None:
    videos = root / "raw_videos"
    for folder in ("batch1", "batch2"):
        (videos / folder).mkdir()
    (videos / "7.mp4").rename(videos / first)
    (videos / other).write_bytes(b"another film")
    (problem,) = problems(root)
    assert problem.startswith(f"{videos}/{other}, trial 7: a second video of the same name beside {videos}/{first} -> ")


def test_videos_of_one_name_that_no_trial_needs_are_left_alone(root: Path) -> None:
    for folder in ("batch1", "batch2"):
        (root / "raw_videos" / folder).mkdir()
        (root / "raw_videos" / folder / "of_another_track.mp4").write_bytes(folder.encode())
    assert open_corpus(config_of(root)).validate() == ()


@pytest.mark.parametrize("name", ["../../escaped", "/tmp/escaped", "a/b", "zwölf", "two words", "a\tb", "submission"])
def test_a_name_in_the_test_list_that_is_no_name_for_a_file_is_refused(root: Path, name: str) -> None:
    (root / "test_set_VA_Challenge.txt").write_text(f"12_left\n{name}\n")
    (problem,) = problems(root)
    assert problem.startswith(f"{root}/test_set_VA_Challenge.txt:2: trial {name!r} is ")
    assert " -> rename the trial's label file, crops and video" in problem
    assert [trial.trial for trial in open_corpus(config_of(root)).trials()] == sorted([*TRAIN, *VALIDATION, *TEST])


@pytest.mark.parametrize("name", ["two words", "zwölf", "line\nbreak", "-rf", "a;b"])
def test_a_label_file_that_gives_its_trial_no_name_is_refused(root: Path, name: str) -> None:
    write_trial(root, name, "Train_Set", video=name)
    (problem,) = open_corpus(config_of(root)).validate()
    assert problem.file == f"{root}/annotations/VA_Set/Train_Set/{name}.txt"
    assert problem.message == f"trial {name!r} is no name for a file"


@given(nearly(["12_left\n", "7\n", "../7\n", "/", "nobody\n"]))
def test_any_bytes_in_the_test_list_give_names_or_problems(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    root = tmp_path_factory.getbasetemp() / "listed"
    if not root.is_dir():
        write_corpus(root)
    (root / "test_set_VA_Challenge.txt").write_bytes(data)
    corpus = open_corpus(config_of(root))
    assert all(name_fault(trial.trial) is None for trial in corpus.trials())
    assert all(problem.file for problem in corpus.validate())
    tested = [trial.trial for trial in corpus.trials() if trial.partition == "test"]
    assert set(tested) <= {"12_left", "7"}


def test_a_folder_that_may_not_be_read(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = Path.iterdir

    def refuse(path: Path) -> object:
        if path.name == "Train_Set":
            raise PermissionError(13, "Permission denied", str(path))
        return original(path)

    monkeypatch.setattr(Path, "iterdir", refuse)
    (problem,) = problems(root)
    assert problem.startswith(f"{root}/annotations/VA_Set/Train_Set: cannot be read: Permission denied -> check")
