from fractions import Fraction

import numpy as np
import pytest

from pipeline.demo.config import TrialCounts
from pipeline.demo.plan import UNANNOTATED, VARIABLE_STEPS, plan, trial_files
from pipeline.demo.roster import Quirk, Video, cast
from tests.demo.factory import small

VIDEOS = {video.name: video for video in cast(TrialCounts(train=16, validation=6, test=6))}


def with_quirk(quirk: Quirk) -> Video:
    return next(video for video in VIDEOS.values() if quirk in video.quirks)


def test_the_time_line_follows_the_rate() -> None:
    script = plan(small(seconds=10.0), VIDEOS["104-30-640x480"])
    assert script.time_base == Fraction(1001, 15000)
    assert np.allclose(np.diff(script.times), 1001 / 15000)
    assert 9.0 <= script.seconds <= 11.0


def test_a_variable_rate_varies() -> None:
    script = plan(small(seconds=10.0), VIDEOS["video33"])
    steps = np.diff(script.ticks)
    assert set(steps.tolist()) == set(VARIABLE_STEPS)
    assert 8.9 <= script.times[-1] <= 11.0


def test_the_curves_outlast_the_video() -> None:
    for video in VIDEOS.values():
        script = plan(small(), video)
        assert script.controls / 100 > script.seconds + 0.5


@pytest.mark.parametrize(
    ("quirk", "rows", "images"),
    [(Quirk.LABELS_LONGER, 3, 0), (Quirk.LABELS_SHORTER, -4, 0), (Quirk.IMAGES_BEYOND, 2, 2)],
)
def test_counts_disagree_as_the_roster_says(quirk: Quirk, rows: int, images: int) -> None:
    script = plan(small(), with_quirk(quirk))
    files = trial_files(small(), script, 0)
    assert len(files.labels) - len(script.ticks) == rows
    assert files.images - len(script.ticks) == images
    assert files.labels.tolist() == files.truth.tolist()


def test_gaps_lose_faces_and_rows_in_one_and_in_both_columns() -> None:
    script = plan(small(), with_quirk(Quirk.GAPS))
    files = trial_files(small(), script, 0)
    gone = files.labels == UNANNOTATED
    assert files.missing
    assert max(files.missing) < len(script.ticks)
    assert gone.all(axis=1).sum() >= 4
    assert (gone.sum(axis=1) == 1).any()
    assert np.array_equal(files.labels[~gone], files.truth[~gone])
    assert np.abs(files.truth).max() < 1


def test_an_added_trial_changes_no_other() -> None:
    few, many = (small(trials={"train": n, "validation": 2, "test": 1}) for n in (3, 16))
    one = trial_files(few, plan(few, VIDEOS["12-30-1280x720"]), 0)
    other = trial_files(many, plan(many, VIDEOS["12-30-1280x720"]), 0)
    assert np.array_equal(one.labels, other.labels)
    assert one.missing == other.missing
