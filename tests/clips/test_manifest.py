from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.clips.alignment import describe
from pipeline.clips.manifest import COLUMNS, ManifestRow, read_manifest, write_alignment, write_manifest, write_rejected
from pipeline.clips.partition import PARTITIONS
from pipeline.runtime.errors import InputError, Problem
from tests.strategies import accepted, cells, digests, names, nearly

counts = st.integers(0, 10**7)
micro = st.integers(0, 10**12).map(lambda number: round(number / 10**6, 6))
rows = st.builds(
    ManifestRow,
    trial=names,
    partition=st.sampled_from(PARTITIONS),
    subject=cells,
    fps=micro,
    frames=counts,
    labelled=counts,
    faces=counts,
    duration=micro,
    digest=digests,
    media=digests,
    labels=digests,
    further=st.sampled_from(["", "audio_44100:5 faces_112:6"]),
)

ROWS = (
    ManifestRow("a", "train", "s", 29.97, 100, 90, 80, 3.336563, "ab", "cd", "45"),
    ManifestRow("b", "test", 's, "t"', 25.0, 50, 0, 50, 2.0, "ef", "01", "67", "audio_44100:5 faces_112:6"),
)


def test_round_trip_sorted_by_trial(tmp_path: Path) -> None:
    write_manifest(tmp_path / "one.csv", ROWS)
    write_manifest(tmp_path / "two.csv", reversed(ROWS))
    assert read_manifest(tmp_path / "one.csv") == ROWS
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()


def test_a_features_content_is_what_it_looks_at() -> None:
    plain, further = ROWS
    for datasets in (frozenset({"faces"}), frozenset({"audio"})):
        assert plain.content(datasets) == plain.media
        assert further.content(datasets) == further.media
    assert further.content({"faces_112"}) == "01 faces_112:6"
    assert further.content({"faces_112", "faces", "audio_44100"}) == "01 audio_44100:5 faces_112:6"
    # The clip's own faces are of that size.
    assert plain.content({"faces_112"}) == plain.media


def test_a_missing_and_a_foreign_manifest(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"manifest\.csv: missing -> run"):
        read_manifest(tmp_path / "manifest.csv")
    (tmp_path / "manifest.csv").write_text("trial\na\n")
    with pytest.raises(InputError, match=r"manifest\.csv:1: the header is not trial,partition"):
        read_manifest(tmp_path / "manifest.csv")


def test_alignment_in_words(tmp_path: Path) -> None:
    records = {
        "b": describe(None, [1], frames=1).as_dict(),
        "a": {**describe(None, [1], frames=3, notes=("late",)).as_dict(), "clock": "container"},
    }
    write_alignment(tmp_path / "alignment.csv", records)
    assert (tmp_path / "alignment.csv").read_text() == (
        "trial,frames,label_rows,images,done\na,3,,1,2 frames without a face image masked; late\nb,1,,1,nothing\n"
    )


def test_rejected(tmp_path: Path) -> None:
    write_rejected(tmp_path / "none.csv", {})
    assert (tmp_path / "none.csv").read_text() == "trial,file,row,message,remedy\n"
    problems = [Problem("bad, very", file="x.txt", row=3, remedy="mend"), Problem("worse")]
    write_rejected(tmp_path / "some.csv", {"a": problems})
    assert (tmp_path / "some.csv").read_text().splitlines()[1:] == ['a,x.txt,3,"bad, very",mend', "a,,,worse,"]


@given(st.lists(rows, unique_by=lambda row: row.trial, max_size=6))
def test_what_is_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, written: list[ManifestRow]) -> None:
    path = tmp_path_factory.getbasetemp() / "manifest.csv"
    write_manifest(path, written)
    assert read_manifest(path) == tuple(sorted(written, key=lambda row: row.trial))


@given(
    nearly([",".join(COLUMNS) + "\n", "a,train,s,25,3,2,1,0.1,ab,cd,ef,\n", "b,test,", "nan,", "1,2,3,", "../a,train,"])
)
def test_any_bytes_give_rows_or_the_file_and_its_rows(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any_manifest.csv"
    path.write_bytes(data)
    found = accepted(lambda: read_manifest(path), path)
    assert found is None or len({row.trial for row in found}) == len(found)


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("../a,train,s,25,3,2,1,0.1,ab,cd,ef,", "trial '../a' is no name for a file"),
        ("a,train,s,25,3,2,1,0.1,ab,cd,ef,", "trial a a second time"),
        ("b,dev,s,25,3,2,1,0.1,ab,cd,ef,", "unknown partition 'dev'"),
        ("b,train,s,25,3.5,2,1,0.1,ab,cd,ef,", "frames '3.5' is no number from 0"),
        ("b,train,s,nan,3,2,1,0.1,ab,cd,ef,", "fps 'nan' is no number from 0"),
        ("b,train,s,25,3,2,1,0.1,ab,cd,ef", "11 columns instead of 12"),
    ],
)
def test_a_bad_row_is_named_by_its_line(tmp_path: Path, row: str, fault: str) -> None:
    path = tmp_path / "manifest.csv"
    path.write_text(f"{','.join(COLUMNS)}\na,train,s,25,3,2,1,0.1,ab,cd,ef,\n{row}\n")
    with pytest.raises(InputError) as caught:
        read_manifest(path)
    (problem,) = caught.value.problems
    assert str(problem).startswith(f"{path}:3: {fault}")
