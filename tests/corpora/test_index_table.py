"""The index as a file: what it refuses, and that nothing in it leads out of the corpus or out of an item."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.clips.partition import PARTITIONS
from pipeline.corpora.index_table import COLUMNS, IndexRow, read_index, write_index
from pipeline.corpora.trial import Trial
from pipeline.runtime.errors import InputError
from tests.strategies import accepted, cells, digests, names, nearly

DIGEST = 64 * "0"
ROW = IndexRow("a", "train", "s", "v/a.mp4", "", "c/a", "l/a.txt", 3, DIGEST)
paths = st.just("") | st.lists(names, min_size=1, max_size=3).map("/".join)
rows = st.builds(
    IndexRow,
    trial=names.map(lambda name: name[:20]),
    partition=st.sampled_from(PARTITIONS),
    subject=cells,
    video=paths,
    audio=paths,
    images=paths,
    annotation=paths,
    n_images=st.integers(0, 99_999),
    digest=digests,
)


def problem_of(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_index(path)
    (problem,) = caught.value.problems
    return str(problem).removeprefix(str(path))


@given(st.lists(rows, unique_by=lambda row: row.trial.lower(), max_size=6))
def test_what_is_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, written: list[IndexRow]) -> None:
    path = tmp_path_factory.getbasetemp() / "written.csv"
    write_index(path, written)
    assert read_index(path) == tuple(sorted(written, key=lambda row: row.trial))


@given(
    nearly(
        [
            ",".join(COLUMNS) + "\n",
            f"a,train,s,v,,c,l,3,{DIGEST}\n",
            "b,test,",
            "x,",
            f"../a,train,s,v,,c,l,3,{DIGEST}\n",
        ]
    )
)
def test_any_bytes_give_rows_or_the_file_and_its_rows(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(data)
    found = accepted(lambda: read_index(path), path)
    assert all(row.locate(Path("root")).video.is_relative_to("root") for row in found or ())


@pytest.mark.parametrize("name", ["../x", "/tmp/x", "..", "a/b", "a b", "a\\b", "é", "submission", "x" * 200])
def test_a_trial_that_would_be_written_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    write_index(tmp_path / "i.csv", [replace(ROW, trial=name)])
    assert problem_of(tmp_path / "i.csv").startswith(":2: trial '")
    with pytest.raises(InputError, match="trial"):
        Trial(name, "train", "s", Path("v"), None, None)


@pytest.mark.parametrize("column", ["video", "audio", "images", "annotation"])
@pytest.mark.parametrize("place", ["/etc/passwd", "../x", "a/../../x"])
def test_a_path_that_leaves_the_corpus_is_refused(tmp_path: Path, column: str, place: str) -> None:
    write_index(tmp_path / "i.csv", [replace(ROW, **{column: place})])  # type: ignore[arg-type]
    assert problem_of(tmp_path / "i.csv").startswith(f":2: {column} '{place}' is not below the corpus' root -> run")


@pytest.mark.parametrize("trial", ["A", "a"])
def test_trials_differ_in_more_than_case(tmp_path: Path, trial: str) -> None:
    write_index(tmp_path / "i.csv", [ROW])
    (tmp_path / "j.csv").write_text((tmp_path / "i.csv").read_text() + f"{trial},train,s,v,,c,l,3,{DIGEST}\n")
    assert problem_of(tmp_path / "j.csv").startswith(f":3: trial {trial} a second time")


def test_a_line_break_in_a_cell_is_refused(tmp_path: Path) -> None:
    write_index(tmp_path / "i.csv", [replace(ROW, subject="two\nlines")])
    with pytest.raises(InputError, match=r"i\.csv:2: a quoted cell must end in its line"):
        read_index(tmp_path / "i.csv")


def test_an_index_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"index\.csv: missing -> run `affectflow index`"):
        read_index(tmp_path / "index.csv")


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("1,train,1,v,,c,a,3", ":3: 8 columns instead of 9"),
        ("1,dev,1,v,,c,a,3,d", ":3: unknown partition 'dev'"),
        ("1,train,1,v,,c,a,x,d", ":3: 'x' is no number of images"),
        (f"0,train,1,v,,c,a,3,{DIGEST}", ":3: trial 0 a second time"),
        ("1,train,1,v,,c,a,3,d", ":3: 'd' is no SHA-256"),
        (f"1,train,1,v,,c,a,3,{DIGEST[1:]}", ":3: '0*' is no SHA-256"),
    ],
)
def test_an_index_with_a_bad_row(tmp_path: Path, line: str, fault: str) -> None:
    path = tmp_path / "index.csv"
    write_index(path, [IndexRow("0", "train", "0", "v", "", "c", "a", 3, DIGEST)])
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(InputError, match=fault):
        read_index(path)


def test_an_index_of_another_version(tmp_path: Path) -> None:
    (tmp_path / "index.csv").write_text("trial,video\n1,2\n")
    with pytest.raises(InputError, match=r"index\.csv:1: the header is not trial,partition"):
        read_index(tmp_path / "index.csv")
