import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.runtime.names import LONGEST, name_fault, shorten


@pytest.mark.parametrize("name", ["a", "7", "10-30-640x480-1", "video3_left", "P.16", "a..b", "x" * LONGEST])
def test_names_that_serve(name: str) -> None:
    assert name_fault(name) is None


@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "..", "../a", "/a", "a/b", "a\\b", "C:a", ".hidden", "-rf", "_a", "a b", " a", "a\n", "a\nb", "a\0"),
        *(
            "a\u2028b",
            "café",
            "cafe\u0301",
            "视频1",
            "a,b",
            "a;b",
            'a"b',
            "a*b",
            "a{target}",
            "$a",
            "x" * (LONGEST + 1),
        ),
    ],
)
def test_names_that_leave_their_folder_or_differ_between_systems(name: str) -> None:
    fault = name_fault(name)
    assert fault is not None
    assert "no name for a file" in fault
    assert "\n" not in fault


@pytest.mark.parametrize("name", ["submission", "Submission", "zarr.json"])
def test_names_that_a_result_has_already(name: str) -> None:
    assert "is the name of a file" in str(name_fault(name))


@given(st.text())
def test_what_serves_is_one_part_of_a_path(name: str) -> None:
    if name_fault(name) is None:
        assert not set(name) & set('/\\:\0\n"*?<>| ,')
        assert name.strip(".") != ""
        assert name.isascii()


@given(st.text())
def test_a_message_stays_on_one_line_and_short(text: str) -> None:
    assert "\n" not in shorten(text)
    assert len(shorten(text * 1000)) < 80 * 10 + 40
