import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.clips.target import Target
from pipeline.corpora.annotation import parse_annotation
from pipeline.runtime.errors import InputError

VA = (Target("valence", -1, 1), Target("arousal", -1, 1))
values = st.floats(-1, 1, width=32)


def parse(text: str, targets: tuple[Target, ...] = VA) -> np.ndarray:
    return parse_annotation(text.encode(), targets, file="a.txt")


def problems(text: str, targets: tuple[Target, ...] = VA) -> list[str]:
    with pytest.raises(InputError) as caught:
        parse(text, targets)
    assert caught.value.problems
    return [str(problem) for problem in caught.value.problems]


@given(st.lists(st.tuples(values, values)))
def test_rows_in_the_order_of_the_targets(rows: list[tuple[float, float]]) -> None:
    text = "arousal,valence\n" + "".join(f"{a!r},{v!r}\n" for v, a in rows)
    np.testing.assert_array_equal(parse(text), np.array(rows, dtype=np.float32).reshape(-1, 2))


@pytest.mark.parametrize("row", ["-5,-5", "-5,0.3", "0.3,-5", "-5.0,0.3", "0.3,-5.000", "-5,7", " -5 , 0.1"])
def test_minus_five_in_either_column_is_no_annotation(row: str) -> None:
    parsed = parse(f"valence,arousal\n0.1,0.2\n{row}\n0.3,0.4\n")
    np.testing.assert_array_equal(np.isnan(parsed), [[False, False], [True, True], [False, False]])


def test_how_files_come_from_elsewhere() -> None:
    plain = parse("valence,arousal\n0.1,0.2\n0.3,0.4\n")
    for text in (
        "\ufeffvalence,arousal\r\n0.1,0.2\r\n0.3,0.4\r\n",
        "Valence, Arousal\n0.1, 0.2\n0.3, 0.4\n\n\n",
        "valence,frame,arousal\n0.1,1,0.2\n0.3,2,0.4",
    ):
        np.testing.assert_array_equal(parse(text), plain)


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("0.1,x", "not numbers"),
        ("0.1", "1 values where the header names 2"),
        ("0.1,0.2,0.3", "3 values where the header names 2"),
        ("", "1 values where the header names 2"),
        ("nan,0.2", "valence is NaN"),
        ("0.2,nan", "arousal is NaN"),
        ("1.01,0.2", r"valence 1.01 is outside \[-1, 1\]"),
        ("0.2,-1.2", r"arousal -1.2 is outside \[-1, 1\]"),
        ("inf,0", "valence inf is outside"),
    ],
)
def test_a_bad_row_is_named_by_its_line(row: str, fault: str) -> None:
    (problem,) = problems(f"valence,arousal\n0,0\n0,0\n{row}\n0,0\n")
    assert problem.startswith("a.txt:4: ")
    with pytest.raises(InputError, match=fault):
        parse(f"valence,arousal\n0,0\n0,0\n{row}\n0,0\n")


def test_every_bad_row_is_listed() -> None:
    found = problems("valence,arousal\nx,0\n0,0\n0,2\n")
    assert [problem.split(": ")[0] for problem in found] == ["a.txt:2", "a.txt:4"]


def test_very_many_bad_rows_are_summed_up() -> None:
    found = problems("valence,arousal\n" + "0,0\n" + "7,0\n" * 100 + "0,0\n" + "x,0\n")
    assert len(found) == 21
    assert found[-1].startswith("a.txt:23: 81 more bad rows: 23-102, 104")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "a.txt:1: the file is empty"),
        ("0.1,0.2\n0.3,0.4\n", "a.txt:1: bad header '0.1,0.2': no column valence, arousal"),
        ("valence\n0.1\n", "a.txt:1: bad header 'valence': no column arousal"),
        ("valence,arousal,valence\n0,0,0\n", "a.txt:1: bad header 'valence,arousal,valence': a column twice"),
    ],
)
def test_a_bad_header(text: str, fault: str) -> None:
    (problem,) = problems(text)
    assert problem.startswith(fault)


def test_bytes_that_are_no_text() -> None:
    with pytest.raises(InputError, match=r"a\.txt: not a text file"):
        parse_annotation(b"\xff\xff\x00\x01", VA, file="a.txt")


def test_the_mark_must_not_be_a_value() -> None:
    (problem,) = problems("fatigue\n3\n", (Target("fatigue", -10, 10),))
    assert "the mark -5 lies inside the range of fatigue" in problem
