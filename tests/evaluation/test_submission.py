from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.evaluation.submission import Repair, read_repairs, read_sample, write_repairs, write_submission
from pipeline.runtime.errors import InputError
from tests.strategies import accepted, names, nearly

TARGETS = ["valence", "arousal"]


def predictions(**frames: int) -> dict[str, npt.NDArray[np.float64]]:
    return {
        trial: np.stack([np.arange(count) / 100, -np.arange(count) / 100], axis=-1) for trial, count in frames.items()
    }


def sample(path: Path, rows: Sequence[str], header: str = "image_location,valence,arousal") -> Path:
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def images(trial: str, count: int) -> list[str]:
    return [f"{trial}/{number:05d}.jpg,0,0" for number in range(1, count + 1)]


def rows_of(path: Path) -> tuple[str, list[list[str]]]:
    header, *rows = path.read_text().splitlines()
    return header, [row.split(",") for row in rows]


def test_without_a_sample_every_frame_of_the_test_list_has_a_row(tmp_path: Path) -> None:
    path = tmp_path / "submission.txt"
    assert write_submission(path, predictions(b=2, a=1), targets=TARGETS) == []
    assert path.read_text() == (
        "image_location,valence,arousal\n"
        "b/00001.jpg,0.000000,0.000000\nb/00002.jpg,0.010000,-0.010000\na/00001.jpg,0.000000,0.000000\n"
    )


def test_the_sample_gives_order_rows_and_columns(tmp_path: Path) -> None:
    rows = [*images("b_left", 3), *images("a", 2)]
    given_sample = sample(tmp_path / "sample.txt", rows, header="image_location,arousal,valence")
    found = write_submission(tmp_path / "s.txt", predictions(a=2, b_left=3), targets=TARGETS, sample=given_sample)
    header, written = rows_of(tmp_path / "s.txt")
    assert header == "image_location,arousal,valence"
    assert [row[0] for row in written] == [row.split(",")[0] for row in rows]
    assert written[2][1:] == ["-0.020000", "0.020000"]
    assert found == []


@given(predicted=st.integers(1, 12), required=st.integers(1, 12))
def test_short_trials_repeat_their_last_row_and_long_ones_are_cut(
    tmp_path_factory: pytest.TempPathFactory, predicted: int, required: int
) -> None:
    folder = tmp_path_factory.mktemp("submission")
    given_sample = sample(folder / "sample.txt", images("a", required))
    found = write_submission(folder / "s.txt", predictions(a=predicted), targets=TARGETS, sample=given_sample)
    _, written = rows_of(folder / "s.txt")
    assert [float(row[1]) for row in written] == [min(i, predicted - 1) / 100 for i in range(required)]
    repeated, cut = max(required - predicted, 0), max(predicted - required, 0)
    expected = [] if predicted == required else [Repair("a", predicted, required, repeated, cut)]
    assert found == expected


def test_repairs_come_back_from_their_file(tmp_path: Path) -> None:
    found = [Repair("a", 5, 7, 2, 0), Repair("b", 9, 3, 0, 6)]
    write_repairs(tmp_path / "repairs.csv", found)
    assert read_repairs(tmp_path / "repairs.csv") == found
    write_repairs(tmp_path / "none.csv", [])
    assert read_repairs(tmp_path / "none.csv") == []


def test_trials_that_are_not_on_both_sides_are_all_listed(tmp_path: Path) -> None:
    given_sample = sample(tmp_path / "sample.txt", [*images("a", 1), *images("x", 1), *images("y", 2)])
    with pytest.raises(InputError) as caught:
        write_submission(tmp_path / "s.txt", predictions(a=1, m=2, n=2), targets=TARGETS, sample=given_sample)
    assert [(one.trial, one.message) for one in caught.value.problems] == [
        ("x", "in the sample, but not predicted"),
        ("y", "in the sample, but not predicted"),
        ("m", "predicted, but not in the sample"),
        ("n", "predicted, but not in the sample"),
    ]


def test_every_unusable_row_of_the_sample_is_listed(tmp_path: Path) -> None:
    rows = ["a/00001.jpg,0,0", "a/00001.jpg,0,0", "a.jpg,0,0", "", "a/00000.jpg,0,0", "a/00002.jpg,0,0"]
    given_sample = sample(tmp_path / "sample.txt", rows, header="image,valence,arousal")
    with pytest.raises(InputError) as caught:
        write_submission(tmp_path / "s.txt", predictions(a=2), targets=TARGETS, sample=given_sample)
    assert [one.row for one in caught.value.problems] == [1, 3, 4, 6]
    with pytest.raises(InputError, match=r"none\.txt: no such file -> set corpus\.sample"):
        write_submission(tmp_path / "s.txt", predictions(a=2), targets=TARGETS, sample=tmp_path / "none.txt")


@pytest.mark.parametrize("image", ["../a/00001.jpg", "/a/00001.jpg", "a b/00001.jpg", f"a/{'9' * 5000}.jpg", "a/٣.jpg"])
def test_an_image_that_no_trial_can_have_is_refused(tmp_path: Path, image: str) -> None:
    given_sample = sample(tmp_path / "sample.txt", ["a/00001.jpg,0,0", f"{image},0,0"])
    with pytest.raises(InputError) as caught:
        read_sample(given_sample, targets=TARGETS)
    (problem,) = caught.value.problems
    assert (problem.row, problem.file) == (3, str(given_sample))


@given(nearly(["image_location,arousal,valence\n", "a/00001.jpg,0,0\n", "b/00002.jpg", ",0,0\n", "../", "/00000.jpg,"]))
def test_any_bytes_give_rows_or_the_file_and_its_rows(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "sample.txt"
    path.write_bytes(data)
    found = accepted(lambda: read_sample(path, targets=TARGETS), path)
    if found is not None:
        columns, rows = found
        assert columns == ["arousal", "valence"]
        assert all(row.frame > 0 for row in rows)


@given(st.dictionaries(names, st.integers(1, 5), min_size=1, max_size=4))
def test_a_submission_is_a_sample_for_itself(tmp_path_factory: pytest.TempPathFactory, frames: dict[str, int]) -> None:
    path = tmp_path_factory.getbasetemp() / "submission.txt"
    write_submission(path, predictions(**frames), targets=TARGETS)
    columns, rows = read_sample(path, targets=TARGETS)
    assert columns == TARGETS
    assert [(row.trial, row.frame) for row in rows] == [
        (trial, frame) for trial, count in frames.items() for frame in range(1, count + 1)
    ]


numbers = st.integers(0, 10**8)


@given(st.lists(st.builds(Repair, names, numbers, numbers, numbers, numbers), max_size=5))
def test_any_repairs_come_back(tmp_path_factory: pytest.TempPathFactory, found: list[Repair]) -> None:
    path = tmp_path_factory.getbasetemp() / "repairs.csv"
    write_repairs(path, found)
    assert read_repairs(path) == found


@given(nearly(["trial,predicted,required,repeated,cut\n", "a,1,2,3,4\n", "b,", "-1,", "1,"]))
def test_any_bytes_give_repairs_or_the_file_and_its_rows(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any_repairs.csv"
    path.write_bytes(data)
    assert all(repair.required >= 0 for repair in accepted(lambda: read_repairs(path), path) or ())
