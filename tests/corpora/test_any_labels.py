"""Whatever bytes a label file holds, its parser gives labels, or says what is wrong with the file and where."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.clips.target import Target
from pipeline.corpora.annotation import parse_annotation
from pipeline.corpora.gold_standard import parse_gold_standard
from pipeline.corpora.ratings import parse_ratings
from pipeline.runtime.errors import InputError
from tests.strategies import accepted, nearly

VA = (Target("valence", -1, 1), Target("arousal", -1, 1))
FATIGUE = (Target("fatigue", 0, 10),)
numbers = st.floats(-1, 1, width=32)
optional = numbers | st.just(float("nan"))
clocks = st.lists(st.integers(0, 10**8), unique=True).map(lambda steps: [step / 1000 for step in sorted(steps)])


@given(nearly(["valence,arousal\n", "0.1,0.2\n", "-5,", "-5\n", "nan", "inf", "1e999"]))
def test_annotations(data: bytes) -> None:
    found = accepted(lambda: parse_annotation(data, VA, file="l.txt"), "l.txt")
    if found is not None:
        assert found.shape == (len(found), 2)
        assert (np.isnan(found) | (abs(found) <= 1)).all()


@given(nearly(["time,fatigue\n", "fatigue\n", "0,1\n", "0.5,", "?", "nan\n", "1e999"]))
def test_ratings(data: bytes) -> None:
    for found in accepted(lambda: parse_ratings(data, FATIGUE, file="l.txt"), "l.txt") or ():
        assert len(found.values) > 0
        assert found.time is None or (np.diff(found.time) > 0).all()


ARFF = ("@relation GOLDSTANDARD\n", "@attribute frameTime numeric\n", "@attribute GoldStandard numeric\n", "@data\n")


@given(nearly([*ARFF, "time;goldstandard\n", "0,0.5\n", "0.04;1\n", "0.5\n", "%"]))
def test_gold_standards(data: bytes) -> None:
    found = accepted(lambda: parse_gold_standard(data, VA[0], file="l.txt"), "l.txt")
    if found is not None:
        assert found.time is not None
        assert len(found.time) == len(found.values) > 0


@given(st.lists(st.none() | st.tuples(numbers, numbers)))
def test_annotations_are_read_as_written(rows: list[tuple[float, float] | None]) -> None:
    text = "valence,arousal\n" + "".join(f"{row[0]!r},{row[1]!r}\n" if row else "-5,-5\n" for row in rows)
    expected = [row or (np.nan, np.nan) for row in rows]
    found = parse_annotation(text.encode(), VA, file="l.txt")
    np.testing.assert_array_equal(found, np.array(expected, dtype=np.float32).reshape(-1, 2))


@given(clocks.filter(bool), st.data())
def test_ratings_are_read_as_written(time: list[float], data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.tuples(optional, optional), min_size=len(time), max_size=len(time)))
    text = "arousal;time;valence\n" + "".join(f"{a!r};{at!r};{v!r}\n" for at, (v, a) in zip(time, rows, strict=True))
    found = parse_ratings(text.encode(), VA, file="l.txt")
    for place, ratings in enumerate(found):
        np.testing.assert_array_equal(ratings.values, np.array([row[place] for row in rows], dtype=np.float32))
        assert ratings.time is not None
        assert ratings.time.tolist() == time


@given(clocks.filter(bool), st.data())
def test_gold_standards_are_read_as_written(time: list[float], data: st.DataObject) -> None:
    values = data.draw(st.lists(optional, min_size=len(time), max_size=len(time)))
    header = "@relation G\n\n@attribute Instance_name string\n@attribute frameTime numeric\n"
    rows = "".join(f"'train_1',{at!r},{value!r}\n" for at, value in zip(time, values, strict=True))
    text = f"{header}@attribute GoldStandard numeric\n\n@data\n\n{rows}"
    found = parse_gold_standard(text.encode(), VA[0], file="l.txt")
    np.testing.assert_array_equal(found.values, np.array(values, dtype=np.float32))
    assert found.time is not None
    assert found.time.tolist() == time


@pytest.mark.parametrize("parse", [parse_annotation, parse_ratings])
def test_a_million_bad_rows_are_not_a_million_messages(parse: Callable[..., object]) -> None:
    data = b"valence,arousal\n" + b"x\n" * 100_000
    with pytest.raises(InputError) as caught:
        parse(data, VA, file="l.txt")
    assert len(caught.value.problems) == 21
    assert "perhaps others after them" in str(caught.value.problems[-1])
    assert len(str(caught.value)) < 5000


def test_a_row_of_a_megabyte_is_quoted_shortly() -> None:
    with pytest.raises(InputError) as caught:
        parse_annotation(b"valence,arousal\n" + b"7" * 2**20, VA, file="l.txt")
    assert len(str(caught.value)) < 500
