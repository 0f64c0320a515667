import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.clips.alignment import align_labels, describe

counts = st.integers(0, 60)


def labels_of(rows: int) -> np.ndarray:
    return np.arange(2 * rows, dtype=np.float32).reshape(rows, 2)


@given(frames=counts, rows=counts)
def test_every_frame_gets_its_own_row(frames: int, rows: int) -> None:
    aligned = align_labels(labels_of(rows), frames=frames, targets=2)
    assert aligned.shape == (frames, 2)
    for frame in range(frames):
        if frame < rows:
            assert aligned[frame].tolist() == [2 * frame, 2 * frame + 1]
        else:
            assert np.isnan(aligned[frame]).all()


@given(frames=counts, rows=counts, numbers=st.sets(st.integers(1, 80)))
def test_the_counts_add_up(frames: int, rows: int, numbers: set[int]) -> None:
    record = describe(labels_of(rows), numbers, frames=frames)
    assert rows - record.label_rows_left_out == frames - record.labels_missing
    assert record.images - record.images_left_out == frames - record.images_missing
    assert record.images_missing == len(set(range(1, frames + 1)) - numbers)
    assert record.images_left_out == sum(number > frames for number in numbers)
    agree = rows == frames and numbers == set(range(1, frames + 1))
    assert (record.done() == "nothing") == agree


def test_without_labels_nothing_is_missing() -> None:
    record = describe(None, range(1, 4), frames=3)
    assert (record.label_rows, record.labels_missing, record.unannotated) == (None, 3, 0)
    assert record.done() == "nothing"
    assert np.isnan(align_labels(None, frames=3, targets=2)).all()


def test_frames_with_labels_of_some_targets_only_are_counted_apart() -> None:
    labels = labels_of(5)
    labels[1] = np.nan
    labels[2:5, 1] = np.nan
    record = describe(labels, range(1, 5), frames=4)
    assert (record.unannotated, record.partly_annotated, record.labels_missing) == (1, 2, 0)
    assert record.done() == (
        "1 label rows past the last frame left out; 1 frames that nobody annotated masked; "
        "2 frames with labels of some targets only"
    )


def test_what_was_done_in_words() -> None:
    labels = labels_of(5)
    labels[1] = np.nan
    record = describe(labels, [1, 2, 9], frames=4, notes=("the sound begins late",))
    assert record.unannotated == 1
    assert record.done() == (
        "1 label rows past the last frame left out; 1 frames that nobody annotated masked; "
        "1 images past the last frame left out; 2 frames without a face image masked; the sound begins late"
    )
    assert describe(labels_of(2), [1, 2, 3], frames=3).done() == "1 frames without a label row masked"
