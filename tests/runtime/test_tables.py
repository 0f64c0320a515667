import csv
import io
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.runtime import tables
from pipeline.runtime.errors import InputError
from pipeline.runtime.tables import LISTED, MOST_BAD, BadRows, lines_of, ranges, read_bounded, read_rows
from tests.strategies import accepted, cells, nearly


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "t.csv"


def read(path: Path) -> tuple[list[tuple[int, list[str]]], BadRows]:
    bad = BadRows(path, "mend it")
    return list(read_rows(path, bad, what="unusable")), bad


def test_rows_have_the_numbers_of_their_lines(path: Path) -> None:
    path.write_bytes('\ufeffa,b\r\n\n"c, d","e ""f"""\n  \n g ,h'.encode())
    rows, bad = read(path)
    assert rows == [(1, ["a", "b"]), (3, ["c, d", 'e "f"']), (5, [" g ", "h"])]
    assert not bad
    assert bad.problems() == []


@given(st.lists(st.lists(cells, min_size=2, max_size=5), min_size=1, max_size=5))
def test_what_a_writer_of_csv_wrote_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "table.csv"
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([["first", ""], *rows])
    path.write_text(text.getvalue(), encoding="utf-8", newline="")
    found, bad = read(path)
    assert not bad
    assert [row for _, row in found[1:]] == rows


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('a,"b', "a quoted cell must end in its line"),
        ('a,"b"c', "a quoted cell must end in its line"),
        ("a\0,b", r"a control character ('\x00')"),
        ("a\u2028,b", r"a control character ('\u2028')"),
        ("," * 200, "201 columns of 200 characters"),
        ("a" * 200_000, "1 columns of 200000 characters"),
    ],
)
def test_what_is_no_row_is_named_by_its_line_and_the_others_are_read(path: Path, line: str, message: str) -> None:
    path.write_text(f'x,y\n{line}\n"1",2\n', encoding="utf-8")
    rows, bad = read(path)
    assert rows == [(1, ["x", "y"]), (3, ["1", "2"])]
    (problem,) = bad.problems()
    assert str(problem).startswith(f"{path}:2: {message}")
    assert problem.remedy == "mend it"


def test_a_line_break_in_a_quoted_cell_is_refused(path: Path) -> None:
    path.write_text('a,b\n"1\n2",3\n4,5\n')
    rows, bad = read(path)
    assert rows[-1] == (4, ["4", "5"])
    assert [problem.row for problem in bad.problems()] == [2]


def test_very_many_bad_rows_are_summed_up_and_reading_stops(path: Path) -> None:
    path.write_text('"\n' * (MOST_BAD + 500))
    rows, bad = read(path)
    assert rows == []
    problems = bad.problems()
    assert len(problems) == LISTED + 1
    rest = f"{MOST_BAD - LISTED} more bad rows: {LISTED + 1}-{MOST_BAD}, and perhaps others after them"
    assert problems[-1].message == rest


def test_files_that_cannot_be_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def message() -> str:
        with pytest.raises(InputError) as caught:
            read(path)
        (problem,) = caught.value.problems
        assert problem.file == str(path)
        return problem.message

    assert message() == "not a file"
    path.mkdir()
    assert message() == "not a file"
    path.rmdir()
    path.write_bytes(b"a,b\n\xff\xfe\n")
    assert message().startswith("not a text file")
    monkeypatch.setattr(tables, "LARGEST_TABLE", 3)
    assert message() == "7 bytes, where at most 3 are expected"
    monkeypatch.undo()

    def refuse(*_: object, **__: object) -> object:
        raise PermissionError(13, os.strerror(13), str(path))

    monkeypatch.setattr(Path, "open", refuse)
    assert message() == "cannot be read: Permission denied"


def test_a_named_pipe_is_no_file(path: Path) -> None:
    os.mkfifo(path)
    with pytest.raises(InputError, match="not a file"):
        read_bounded(path, largest=10, what="unusable")


@given(nearly(["a,b\n", '"c"', "1,2\n"]))
def test_any_bytes_give_rows_or_the_file_and_its_rows(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "table.csv"
    path.write_bytes(data)
    found = accepted(lambda: read(path), path)
    if found is None:
        return
    rows, bad = found
    numbers = [number for number, _ in rows]
    assert numbers == sorted(set(numbers))
    assert all(cells for _, cells in rows)
    assert all(problem.row and problem.row not in numbers for problem in bad.problems())


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\n")), max_size=8), st.sampled_from("\n\r"))
def test_lines_end_where_editors_end_them(lines: list[str], end: str) -> None:
    found = lines_of("".join(f"{line}{end}" for line in lines).encode(), file="f", what="unusable")
    text = "\n".join(lines).removeprefix("\ufeff").rstrip()
    assert found == (text.split("\n") if text else [])


@given(st.sets(st.integers(0, 300), min_size=1))
def test_ranges_say_the_same_numbers(numbers: set[int]) -> None:
    text = ranges(sorted(numbers))
    spelled: list[int] = []
    for part in text.split(", "):
        first, _, last = part.partition("-")
        spelled.extend(range(int(first), int(last or first) + 1))
    assert spelled == sorted(numbers)
    assert text.count(",") + 1 == sum(number - 1 not in numbers for number in numbers)
