from pathlib import Path

import pytest

from pipeline.inference.files import RECORD, Predicted, list_videos, safe_name
from pipeline.runtime.errors import AffectflowError, InputError


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")


def test_a_folder_gives_its_videos_in_order(tmp_path: Path) -> None:
    touch(tmp_path / "b.MP4", tmp_path / "a.mkv", tmp_path / "c.txt", tmp_path / ".hidden.mp4")
    touch(tmp_path / "below" / "d.mov", tmp_path / "old" / "e-overlay.mp4", tmp_path / "old" / RECORD)
    found = list_videos([tmp_path, tmp_path / "a.mkv"])
    assert [video.path.relative_to(tmp_path).as_posix() for video in found] == ["a.mkv", "b.MP4", "below/d.mov"]
    assert [video.stem for video in found] == ["a", "b", "d"]


def test_a_named_file_counts_whatever_it_is_called(tmp_path: Path) -> None:
    touch(tmp_path / "film.dat")
    assert [video.stem for video in list_videos([tmp_path / "film.dat"])] == ["film"]


def test_names_that_would_be_the_same_are_told_apart(tmp_path: Path) -> None:
    touch(tmp_path / "a" / "x.mp4", tmp_path / "b" / "X.mp4", tmp_path / "b" / "y.mp4", tmp_path / "b" / "y.mov")
    assert [video.stem for video in list_videos([tmp_path])] == ["x.mp4", "X.mp4-2", "y.mov", "y.mp4"]


def test_what_is_not_there_is_listed_at_once(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError) as caught:
        list_videos([tmp_path / "none.mp4", tmp_path / "empty"])
    assert [problem.message for problem in caught.value.problems] == ["no such file or folder", "no video in it"]


def test_its_own_files_may_be_written_again_and_no_others(tmp_path: Path) -> None:
    out, work = tmp_path / "out", tmp_path / "work"
    touch(work / "a.csv")
    predicted = Predicted(out)
    predicted.check(["a.csv"])
    predicted.add({"name": "a"}, {"a.csv": work / "a.csv"})
    Predicted(out).check(["a.csv"])
    touch(out / "b.csv")
    with pytest.raises(AffectflowError, match=r"b\.csv is there and was not written"):
        Predicted(out).check(["b.csv"])
    (out / "a.csv").write_text("changed")
    with pytest.raises(AffectflowError, match=r"a\.csv is there and was changed"):
        Predicted(out).check(["a.csv"])


def test_people_who_are_found_no_more_are_forgotten(tmp_path: Path) -> None:
    out, work = tmp_path / "out", tmp_path / "work"
    names = ("a-person1", "a-person2", "a-person3", "a-person10", "ab-person2")
    touch(*(work / f"{name}.csv" for name in names))
    for name in names:
        Predicted(out).add({"name": name, "video": "a.mp4"}, {f"{name}.csv": work / f"{name}.csv"})
    touch(work / "own.csv")
    Predicted(out).add({"name": "a-person4", "video": "a-person4.mp4"}, {"a-person4.csv": work / "own.csv"})
    (out / "a-person3.csv").write_text("changed")
    Predicted(out).forget_people(Path("a.mp4"), stem="a", known=1)
    left = {path.name for path in out.iterdir()} - {RECORD}
    assert left == {"a-person1.csv", "a-person3.csv", "a-person4.csv", "ab-person2.csv"}
    with pytest.raises(AffectflowError, match=r"a-person3\.csv is there and was not written"):
        Predicted(out).check(["a-person3.csv"])


def test_a_damaged_record_is_named(tmp_path: Path) -> None:
    touch(tmp_path / RECORD)
    with pytest.raises(InputError, match=RECORD):
        Predicted(tmp_path)


def test_a_name_stays_inside_its_folder() -> None:
    assert safe_name("../a:b") == ".._a_b"
    assert safe_name("interview 1 (take 2)") == "interview 1 (take 2)"
