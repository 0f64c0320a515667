import itertools
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.evaluation.folds import Fold, Folds, make_folds, read_folds, write_folds
from pipeline.runtime.errors import InputError
from tests.strategies import accepted, names, nearly


@dataclass(frozen=True)
class Member:
    trial: str
    partition: Literal["train", "validation", "test"]
    subject: str
    frames: int = 100


def affwild2(train: int = 356, validation: int = 76, test: int = 162) -> list[Member]:
    parts = itertools.chain(["train"] * train, ["validation"] * validation, ["test"] * test)
    names = [f"{number}-30-640x480" for number in range(train + validation + test)]
    random.Random(0).shuffle(names)
    return [Member(name, part, name) for name, part in zip(names, parts, strict=True)]  # type: ignore[arg-type]


def test_the_published_partition() -> None:
    members = affwild2()
    folds = make_folds(members, scheme="abaw", count=6)
    # The table of the published code: fold, validation trials, training trials.
    sizes = [(len(fold.validation), len(fold.train)) for fold in folds.folds]
    assert sizes == [(76, 356), (72, 360), (71, 361), (71, 361), (71, 361), (71, 361)]
    train = sorted(member.trial for member in members if member.partition == "train")
    official = sorted(member.trial for member in members if member.partition == "validation")
    blocks = [train[0:71], train[71:142], train[142:213], train[213:284], train[284:356]]
    expected = [official, *reversed(blocks)]
    assert [list(fold.validation) for fold in folds.folds] == expected
    everything = set(train + official)
    assert all(set(fold.train) == everything - set(fold.validation) for fold in folds.folds)
    assert folds.test == tuple(sorted(member.trial for member in members if member.partition == "test"))


def test_names_are_sorted_without_an_extension() -> None:
    # "106-30-720x1280.txt" comes before "106.txt", but "106" before "106-30-720x1280".
    members = [Member(name, "train", name) for name in ("106-30-720x1280", "106")]
    members.append(Member("9", "validation", "9"))
    folds = make_folds(members, scheme="abaw", count=3).folds
    assert folds[2].validation == ("106",)
    assert folds[1].validation == ("106-30-720x1280",)


trials = st.integers(0, 12).map(lambda number: f"s{number}")
members = st.lists(
    st.tuples(trials, st.sampled_from(["train", "train", "validation", "test"]), st.integers(0, 5000)), min_size=1
).map(lambda rows: [Member(f"t{number}", part, subject, frames) for number, (subject, part, frames) in enumerate(rows)])  # type: ignore[arg-type]


@given(members=members, scheme=st.sampled_from(["abaw", "subject"]), count=st.integers(2, 6), seed=st.integers())
def test_what_holds_for_every_split(
    members: list[Member], scheme: Literal["abaw", "subject"], count: int, seed: int
) -> None:
    held = {member.subject for member in members if member.partition == "validation"}
    train = [member for member in members if member.partition == "train"]
    subjects = {member.subject for member in train} - held
    enough = len(subjects) >= (count - 1 if held else count) if scheme == "subject" else len(train) >= count - 1
    if not enough or (scheme == "abaw" and not held):
        with pytest.raises(InputError, match=" -> "):
            make_folds(members, scheme=scheme, count=count)
        return
    folds = make_folds(members, scheme=scheme, count=count)
    shuffled = random.Random(seed).sample(members, len(members))
    assert make_folds(shuffled, scheme=scheme, count=count) == folds
    labelled = sorted(member.trial for member in members if member.partition != "test")
    assert len(folds.folds) == count
    # Every labelled trial is validated on exactly once, and trained on otherwise.
    assert sorted(trial for fold in folds.folds for trial in fold.validation) == labelled
    for fold in folds.folds:
        assert fold.validation
        assert sorted(fold.train + fold.validation) == labelled
    official = {member.trial for member in members if member.partition == "validation"}
    assert official <= set(folds.folds[0].validation)
    assert set(folds.test) == {member.trial for member in members} - set(labelled)
    if scheme == "subject":
        subject = {member.trial: member.subject for member in members}
        for fold in folds.folds:
            assert not {subject[trial] for trial in fold.train} & {subject[trial] for trial in fold.validation}


def test_blocks_of_another_corpus_differ_by_one_at_most() -> None:
    folds = make_folds(affwild2(9, 2, 0), scheme="abaw", count=6)
    assert sorted(len(fold.validation) for fold in folds.folds[1:]) == [1, 2, 2, 2, 2]


def test_subjects_are_balanced_by_frames() -> None:
    frames = [4700, 4100, 3000, 2600, 2500, 1200, 900, 500, 300, 200]
    members = [Member(f"{number}", "train", f"{number}", size) for number, size in enumerate(frames)]
    members.append(Member("v", "validation", "v"))
    folds = make_folds(members, scheme="subject", count=4).folds
    sizes = [sum(frames[int(trial)] for trial in fold.validation) for fold in folds[1:]]
    assert sum(sizes) == sum(frames)
    assert max(sizes) - min(sizes) <= 300


def test_a_training_trial_of_a_validation_subject_moves_over() -> None:
    members = [
        Member("video2", "validation", "video2"),
        Member("video2_left", "train", "video2"),
        Member("a", "train", "a"),
        Member("b", "train", "b"),
    ]
    folds = make_folds(members, scheme="subject", count=3).folds
    assert folds[0].validation == ("video2", "video2_left")
    assert folds[0].train == ("a", "b")


def test_subjects_without_frames_still_fill_their_groups() -> None:
    members = [Member(name, "train", name, 0) for name in "abc"] + [Member("v", "validation", "v")]
    assert [fold.validation for fold in make_folds(members, scheme="subject", count=4).folds[1:]] == [
        ("c",),
        ("b",),
        ("a",),
    ]


def test_a_corpus_without_an_official_split_is_cut_by_subject() -> None:
    # The fatigue table: 27 videos of 18 people, four fifths to train on.
    members = [Member(f"v{number}", "train", f"p{number % 18}", 100) for number in range(27)]
    folds = make_folds(members, scheme="subject", count=5).folds
    assert sorted(trial for fold in folds for trial in fold.validation) == sorted(member.trial for member in members)
    assert all(4 <= len(fold.validation) <= 6 for fold in folds)


@pytest.mark.parametrize(
    ("members", "scheme", "message"),
    [
        ([Member("a", "train", "a")], "abaw", "no trial is in the partition validation"),
        (
            [Member("v", "validation", "v"), Member("a", "train", "a"), Member("b", "train", "b")],
            "abaw",
            "2 trials in the partition train for 3 groups -> set folds.count to at most 3",
        ),
        (
            [Member("v", "validation", "v"), *(Member(f"{n}", "train", f"{n % 2}") for n in range(9))],
            "subject",
            "2 subjects in the partition train for 3 groups .* -> set folds.count to at most 3",
        ),
        (
            [Member("v", "validation", "v"), Member("a", "train", "v")],
            "subject",
            "0 subjects .* -> put trials into the corpus' train partition",
        ),
    ],
)
def test_too_few(members: list[Member], scheme: Literal["abaw", "subject"], message: str) -> None:
    with pytest.raises(InputError, match=message):
        make_folds(members, scheme=scheme, count=4)


def test_the_file(tmp_path: Path) -> None:
    folds = make_folds(affwild2(20, 5, 3), scheme="abaw", count=4)
    write_folds(tmp_path / "folds.json", folds)
    assert read_folds(tmp_path / "folds.json") == folds
    first = (tmp_path / "folds.json").read_bytes()
    write_folds(tmp_path / "folds.json", make_folds(affwild2(20, 5, 3)[::-1], scheme="abaw", count=4))
    assert (tmp_path / "folds.json").read_bytes() == first
    assert isinstance(folds, Folds)
    with pytest.raises(InputError, match="run `dvc repro folds`"):
        read_folds(tmp_path / "none.json")


listed = st.lists(names, max_size=4).map(tuple)


@given(st.lists(st.builds(Fold, listed, listed), max_size=4), listed, st.sampled_from(["abaw", "subject"]))
def test_what_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory,
    folds: list[Fold],
    test: tuple[str, ...],
    scheme: Literal["abaw", "subject"],
) -> None:
    path = tmp_path_factory.getbasetemp() / "folds.json"
    write_folds(path, Folds(scheme, tuple(folds), test))
    assert read_folds(path) == Folds(scheme, tuple(folds), test)


BEGIN = '{"scheme": "abaw", "test": ["a"], "folds": ['


@given(nearly([BEGIN, '{"train": ["a", "b"], "validation": ["../c"]}', '"a"', "]}", "[", "{", "1e999", "null"]))
def test_any_bytes_give_folds_or_name_the_file(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any_folds.json"
    path.write_bytes(data)
    accepted(lambda: read_folds(path), path)


@pytest.mark.parametrize("name", ["../escaped", "/tmp/x", ""])
def test_folds_of_trials_that_lie_elsewhere_are_refused(tmp_path: Path, name: str) -> None:
    write_folds(tmp_path / "folds.json", Folds("abaw", (Fold(("a",), (name,)),), ()))
    with pytest.raises(InputError, match=r"folds\.json: not the folds of this version: .* is no name for a file"):
        read_folds(tmp_path / "folds.json")
