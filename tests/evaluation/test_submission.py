from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.evaluation.submission import Repair, read_repairs, write_repairs, write_submission
from pipeline.runtime.errors import InputError

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
