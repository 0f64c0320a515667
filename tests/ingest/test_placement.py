import numpy as np
import pytest

from pipeline.clips.alignment import align_labels, describe
from pipeline.clips.target import Target
from pipeline.corpora.labels import Labels
from pipeline.corpora.ratings import Ratings
from pipeline.ingest.placement import place_labels
from pipeline.runtime.errors import InputError

NAN = float("nan")
TARGETS = (Target("valence", -1.0, 1.0), Target("arousal", -1.0, 1.0))
TIME = np.arange(10.0) * 0.04


def rated(values: list[float], step: float | None = None) -> Ratings:
    time = None if step is None else step * np.arange(len(values), dtype=np.float64)
    return Ratings(np.array(values, dtype=np.float32), time)


def test_without_labels_every_frame_has_none() -> None:
    values, record = place_labels(None, TIME, targets=TARGETS, numbers=range(1, 11))
    assert values.shape == (10, 2)
    assert np.isnan(values).all()
    assert record.label_rows is None
    assert record.done() == "nothing"


def test_a_row_per_frame_is_counted_off() -> None:
    rows = [[0.1 * row for row in range(8)], [0.2, NAN, *([0.0] * 6)]]
    labels = Labels((rated(rows[0]), rated(rows[1])), (0.0, 0.0))
    values, record = place_labels(labels, TIME, targets=TARGETS, numbers=range(1, 10), notes=("late",))
    stacked = np.array(rows, dtype=np.float32).T
    assert np.array_equal(values, align_labels(stacked, frames=10, targets=2), equal_nan=True)
    assert record == describe(stacked, range(1, 10), frames=10, notes=("late",))
    assert (record.unannotated, record.partly_annotated, record.labels_missing) == (0, 1, 2)


def test_rows_with_times_come_by_time_and_are_counted() -> None:
    # A row every 0.08 s up to 0.32 s: the last frame, at 0.36 s, is past them. Nobody rated 0.16 s, and of arousal
    # nobody rated 0.08 s either.
    valence = rated([0, 0.2, NAN, 0.6, 0.8], 0.08)
    labels = Labels((valence, rated([0.0, NAN, NAN, 0.0, 0.0], 0.08)), (0.0, 0.0))
    values, record = place_labels(labels, TIME, targets=TARGETS, numbers=range(1, 11))
    expected = [0, 0.1, 0.2, NAN, NAN, NAN, 0.6, 0.7, 0.8, NAN]
    assert np.allclose(values[:, 0], expected, equal_nan=True, atol=1e-6)
    assert (record.frames, record.label_rows, record.label_rows_left_out) == (10, 5, 0)
    assert np.isnan(values[:, 1]).nonzero()[0].tolist() == [1, 2, 3, 4, 5, 9]
    assert (record.unannotated, record.partly_annotated, record.labels_missing) == (3, 2, 1)
    assert record.done() == (
        "1 frames without a label row masked; 3 frames that nobody annotated masked; "
        "2 frames with labels of some targets only"
    )


def test_a_delay_is_told_and_masks_the_end() -> None:
    labels = Labels((rated([0.1] * 10), rated([0.1] * 10)), (0.04, 0.12))
    values, record = place_labels(labels, TIME, targets=TARGETS, numbers=range(1, 11), notes=("late",))
    assert np.isnan(values).sum(axis=0).tolist() == [1, 3]
    assert (record.unannotated, record.partly_annotated, record.labels_missing) == (0, 2, 1)
    assert record.notes == ("late", "labels moved: valence 0.04 s earlier, arousal 0.12 s earlier")


def timed(count: int, step: float, *, first: float = 0.0) -> Ratings:
    return Ratings(np.zeros(count, dtype=np.float32), first + step * np.arange(count, dtype=np.float64))


@pytest.mark.parametrize(
    ("ratings", "outside"),
    [
        (timed(11, 0.04), 0),  # the last row stands where the last frame ends
        (timed(12, 0.04), 1),
        (timed(8, 0.08), 2),
        (timed(10, 0.04, first=-0.12), 3),
    ],
)
def test_rows_outside_the_recording_are_counted_and_noted(ratings: Ratings, outside: int) -> None:
    labels = Labels((ratings, timed(3, 0.04)), (0.0, 0.0))
    _, record = place_labels(labels, TIME, targets=TARGETS, numbers=range(1, 11))
    assert (record.label_rows_outside, record.label_rows_left_out) == (outside, 0)
    assert (f"{outside} label rows at times outside the recording" in record.done()) == (outside > 0)


def test_late_answers_are_about_the_recording() -> None:
    labels = Labels((timed(16, 0.04), timed(16, 0.04)), (0.2, 0.16))
    _, record = place_labels(labels, TIME, targets=TARGETS, numbers=range(1, 11))
    assert record.label_rows_outside == 1


def test_counted_rows_past_the_last_frame_are_noted_with_a_delay_too() -> None:
    labels = Labels((rated([0.1] * 13), rated([0.1] * 12)), (0.04, 0.0))
    _, record = place_labels(labels, TIME, targets=TARGETS, numbers=range(1, 11))
    assert (record.label_rows_left_out, record.label_rows_outside) == (3, 0)


@pytest.mark.parametrize(
    ("wrong", "span"),
    [
        (timed(100, 1.0), "98 of 100 label rows, from 0 to 99 s"),  # of another, longer video
        (timed(10, 40.0), "9 of 10 label rows, from 0 to 360 s"),  # milliseconds
        (timed(10, 1.0, first=-20), "10 of 10 label rows, from -20 to -11 s"),
    ],
)
def test_a_file_of_which_most_lies_outside_is_refused(wrong: Ratings, span: str) -> None:
    time = np.arange(30.0) * 0.05
    labels = Labels((timed(30, 0.05), wrong), (0.0, 0.0), ("v.csv", "a.csv"))
    with pytest.raises(InputError) as caught:
        place_labels(labels, time, targets=TARGETS, numbers=())
    (problem,) = caught.value.problems
    assert str(problem).startswith(
        f"a.csv: {span}, lie outside the recording, which ends at 1.50 s -> give times in sec"
    )
    both = Labels((wrong, wrong), (0.0, 0.0), ("one.csv", "one.csv"))
    with pytest.raises(InputError) as caught:
        place_labels(both, time, targets=TARGETS, numbers=())
    assert [problem.file for problem in caught.value.problems] == ["one.csv"]
