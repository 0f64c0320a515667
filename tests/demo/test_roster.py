from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.demo.config import TrialCounts
from pipeline.demo.roster import Quirk, Video, cast
from pipeline.readers.names import subject_of, video_name

PARTITIONS = ("train", "validation", "test")


def counts(train: int, validation: int, test: int) -> TrialCounts:
    return TrialCounts(train=train, validation=validation, test=test)


def trials(videos: list[Video], partition: str) -> list[str]:
    return [trial for video in videos if video.partition == partition for trial in video.trials]


@given(st.integers(1, 40), st.integers(1, 20), st.integers(0, 20))
def test_each_partition_has_as_many_trials_as_asked_for_and_no_shared_subject(
    train: int, validation: int, test: int
) -> None:
    videos = cast(counts(train, validation, test))
    by_partition = {name: trials(videos, name) for name in PARTITIONS}
    assert [len(by_partition[name]) for name in PARTITIONS] == [train, validation, test]
    names = [trial for part in by_partition.values() for trial in part]
    assert len(set(names)) == len(names)
    for one, other in combinations(PARTITIONS, 2):
        assert not {subject_of(t) for t in by_partition[one]} & {subject_of(t) for t in by_partition[other]}


def test_a_smaller_corpus_is_a_part_of_a_larger_one() -> None:
    large = {video.name: video for video in cast(counts(16, 6, 6))}
    small = cast(counts(3, 2, 1))
    assert len(small) == 4
    assert all(large[video.name] == video for video in small)


@pytest.mark.parametrize("size", [(16, 6, 6), (3, 2, 1)])
def test_every_trial_belongs_to_its_video_and_both_kinds_of_pair_occur(size: tuple[int, int, int]) -> None:
    videos = cast(counts(*size))
    assert all(video_name(trial) == video.name for video in videos for trial in video.trials)
    pairs = [video for video in videos if len(video.trials) == 2]
    suffixes = {tuple(trial.removeprefix(video.name) for trial in video.trials) for video in pairs}
    assert suffixes == {("", "_right"), ("_left", "_right")}


def test_the_full_roster_has_every_quirk_every_rate_and_a_recording_in_parts() -> None:
    videos = cast(counts(16, 6, 6))
    assert {quirk for video in videos for quirk in video.quirks} == set(Quirk)
    rates = {None if video.rate is None else round(float(video.rate), 2) for video in videos}
    assert rates == {None, 12.0, 12.5, 14.99, 15.0, 24.0, 25.0, 30.0}
    parts = [video for video in videos if video.subjects[0] != video.name]
    assert {(video.name, video.subjects) for video in parts} >= {
        ("28-24-1920x1080-1", ("28-24-1920x1080",)),
        ("28-24-1920x1080-2", ("28-24-1920x1080",)),
    }
