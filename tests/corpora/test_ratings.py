import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.clips.target import Target
from pipeline.corpora.ratings import Ratings, parse_ratings
from pipeline.runtime.errors import InputError

FATIGUE = (Target("fatigue", 0.0, 10.0),)
VA = (Target("valence", -1.0, 1.0), Target("arousal", -1.0, 1.0))
NAN = float("nan")


def ratings(values: list[float], time: list[float] | None = None) -> Ratings:
    clock = None if time is None else np.array(time, dtype=np.float64)
    return Ratings(np.array(values, dtype=np.float32), clock)


def problems_of(text: str, targets: tuple[Target, ...] = FATIGUE) -> list[str]:
    with pytest.raises(InputError) as caught:
        parse_ratings(text.encode(), targets, file="p.csv")
    return [str(problem) for problem in caught.value.problems]


def test_a_row_on_the_frame_counts_as_it_is_whatever_its_neighbours() -> None:
    found = ratings([1, NAN, 3, NAN], [0, 0.04, 0.08, 0.12]).at_frames(np.arange(4.0) * 0.04)
    assert np.array_equal(found, np.array([1, NAN, 3, NAN], dtype=np.float32), equal_nan=True)


def test_between_two_rows_the_line_counts_and_outside_nothing() -> None:
    found = ratings([0, 1, 0], [1.0, 2.0, 3.0]).at_frames(np.array([0.9, 1.0, 1.25, 2.5, 3.0, 3.01]))
    assert np.allclose(found, [NAN, 0, 0.25, 0.5, 0, NAN], equal_nan=True)


def test_beside_a_row_that_nobody_rated_there_is_nothing() -> None:
    found = ratings([0, NAN, 2, 3], [0, 1, 2, 3]).at_frames(np.array([0.5, 1.5, 2.5]))
    assert np.allclose(found, [NAN, NAN, 2.5], equal_nan=True)


def test_a_gap_between_rows_is_not_bridged() -> None:
    found = ratings([0, 1, 2, 10, 11], [0, 1, 2, 10, 11]).at_frames(np.array([1.5, 2.0, 2.5, 6, 9.9, 10, 10.5]))
    assert np.allclose(found, [1.5, 2, NAN, NAN, NAN, 10, 10.5], equal_nan=True)


def test_a_delay_moves_labels_earlier_and_leaves_the_end_without() -> None:
    # Raters answer 0.5 s late: what they say at 1.0 s is about the frame of 0.5 s.
    time = np.arange(6.0) * 0.5
    found = ratings([0, 1, 2, 3, 4, 5], time.tolist()).at_frames(time, delay=0.5)
    assert np.allclose(found, [1, 2, 3, 4, 5, NAN], equal_nan=True)
    part = ratings([0, 1, 2, 3, 4, 5], time.tolist()).at_frames(time, delay=0.25)
    assert np.allclose(part, [0.5, 1.5, 2.5, 3.5, 4.5, NAN], equal_nan=True)


def test_one_row_per_frame_is_taken_as_it_is_longer_or_shorter() -> None:
    time = np.array([0.0, 0.1, 0.1, 0.4])
    assert ratings([1, 2, 3, 4, 5]).at_frames(time).tolist() == [1, 2, 3, 4]
    assert np.array_equal(ratings([1, 2]).at_frames(time), np.array([1, 2, NAN, NAN], dtype=np.float32), equal_nan=True)


def test_one_row_per_frame_is_delayed_by_the_frames_own_times() -> None:
    found = ratings([0, 1, 2, 3]).at_frames(np.array([0.0, 0.1, 0.2, 0.3]), delay=0.1)
    assert np.allclose(found, [1, 2, 3, NAN], equal_nan=True)


def test_time_is_compared_to_the_microsecond() -> None:
    # 3 x 0.04 is not 0.12 in binary, and the last row stands on the last frame.
    rows = [round(0.04 * number, 2) for number in range(751)]
    found = ratings([float(number % 7) for number in range(751)], rows).at_frames(np.arange(751.0) * 0.04)
    assert found.tolist() == [number % 7 for number in range(751)]


@given(
    st.lists(st.floats(-1, 1, width=32) | st.just(NAN), min_size=2, max_size=30),
    st.integers(1, 60),
    st.floats(0, 2),
)
def test_agrees_with_a_loop(values: list[float], rate: int, delay: float) -> None:
    series = ratings(values, [0.04 * number for number in range(len(values))])
    time = np.arange(40) / rate
    found = series.at_frames(time, delay=delay)
    for frame in range(40):
        wanted = round(time[frame] + delay, 6)
        place = wanted / 0.04
        if abs(place - round(place)) < 1e-3:
            continue  # on a row, or too near to one to say in binary
        low = int(np.floor(place))
        inside = low + 1 < len(values)
        expected = values[low] + (place - low) * (values[low + 1] - values[low]) if inside else NAN
        assert np.isclose(found[frame], expected, atol=1e-5, equal_nan=True)


def test_parses_time_in_seconds_and_targets_in_any_order() -> None:
    text = "arousal,time,valence\n0.5,0,-1\n,0.5,0\nnan,1.25,1\n"
    valence, arousal = parse_ratings(text.encode(), VA, file="p.csv")
    assert valence.time is not None
    assert arousal.time is not None
    assert valence.time.tolist() == arousal.time.tolist() == [0, 0.5, 1.25]
    assert valence.values.tolist() == [-1, 0, 1]
    assert np.array_equal(arousal.values, np.array([0.5, NAN, NAN], dtype=np.float32), equal_nan=True)


def test_without_time_a_row_is_a_frame() -> None:
    (fatigue,) = parse_ratings(b"\xef\xbb\xbfFatigue\r\n3\r\n4.5\r\n\r\n", FATIGUE, file="p.csv")
    assert fatigue.time is None
    assert fatigue.values.tolist() == [3, 4.5]


def test_semicolons_part_values_too() -> None:
    (fatigue,) = parse_ratings(b"time;fatigue\n0;1\n1;2\n", FATIGUE, file="p.csv")
    assert fatigue.values.tolist() == [1, 2]


def test_every_bad_row_is_listed_with_its_line() -> None:
    text = "time,fatigue\n0,1\n0,2\nx,3\n2,11\n3,tired\n4,5,6\n5,-0.1\ninf,1\n7,2\n"
    found = problems_of(text)
    assert [line.partition(":")[2].partition(":")[0] for line in found] == ["3", "4", "5", "6", "7", "8", "9"]
    assert "time 0 s is not later than 0 s of the row before" in found[0]
    assert "time 'x' is not a number" in found[1]
    assert "fatigue 11 is outside [0, 10]" in found[2]
    assert "fatigue 'tired' is not a number" in found[3]
    assert "3 values where the header names 2: '4,5,6'" in found[4]
    assert "fatigue -0.1 is outside [0, 10]" in found[5]
    assert "time is inf" in found[6]


def test_the_mark_of_another_corpus_is_no_rating() -> None:
    assert ["fatigue -5 is outside [0, 10]" in line for line in problems_of("fatigue\n-5\n")] == [True]


def test_many_bad_rows_are_summed_up() -> None:
    found = problems_of("fatigue\n" + "11\n" * 50)
    assert len(found) == 21
    assert "30 more bad rows: 22-51" in found[-1]


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("time,tiredness", "no column fatigue; unknown column 'tiredness'"),
        ("tiem,fatigue", "unknown column 'tiem'"),
        ("fatigue,fatigue", "a column twice"),
        ("time,frameTime,fatigue", "a column twice"),
        ("", "no column fatigue"),
    ],
)
def test_a_header_must_say_what_the_columns_are(header: str, message: str) -> None:
    (found,) = problems_of(f"{header}\n1,2\n" if header else "")
    assert found.startswith(f"p.csv:1: {message}")


def test_an_empty_table_and_a_binary_file_are_refused() -> None:
    assert "p.csv:2: there are no rows" in problems_of("time,fatigue\n")[0]
    with pytest.raises(InputError, match="not a text file"):
        parse_ratings(b"\xff\xff\x00\x01", FATIGUE, file="p.csv")


@pytest.mark.parametrize(("separator", "encoding"), [("\t", "utf-16"), (";", "utf-8-sig"), (",", "utf-16")])
def test_what_spreadsheets_write_is_read(separator: str, encoding: str) -> None:
    text = "time,fatigue\n0.0,1\n0.5,2\n".replace(",", separator)
    (ratings,) = parse_ratings(text.encode(encoding), FATIGUE, file="p.csv")
    assert list(ratings.values) == [1, 2]
    assert ratings.time is not None
    assert list(ratings.time) == [0.0, 0.5]
