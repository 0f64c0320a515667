import io
import re
import sys

import pytest

from pipeline.runtime import progress as module
from pipeline.runtime.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that stands still unless told to go on."""

    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def test_a_log_gets_plain_lines(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with Progress("extract ir50", total=5, done=1) as progress:
        for number in range(4):
            clock.now += 3
            progress.advance(f"trial-{number}")
    assert stream.getvalue().splitlines() == [
        "extract ir50: 5 items, 1 of them cached",
        "extract ir50: 3/5, 6 s left, trial-1",
        "extract ir50: 5/5 in 12 s, trial-3",
    ]


def test_a_log_is_not_flooded(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with Progress("clips", total=1000) as progress:
        for _ in range(1000):
            clock.now += 0.1
            progress.advance("trial")
    lines = stream.getvalue().splitlines()
    assert len(lines) == pytest.approx(100 / module.LOG_EVERY + 1, abs=2)
    assert lines[-1].startswith("clips: 1000/1000 in 100 s")


def test_the_time_left_goes_by_what_was_computed(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with Progress("clips", total=100, done=90) as progress:
        clock.now += 6
        progress.advance("trial")
    assert "91/100, 54 s left, trial" in stream.getvalue()


def test_nothing_to_do_is_one_line(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with Progress("clips", total=3, done=3):
        pass
    assert stream.getvalue() == "clips: 3 items, 3 of them cached\n"


def test_what_is_counted_has_a_name(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with Progress("clips", total=3, what="cached items to check"):
        pass
    assert stream.getvalue() == "clips: 3 cached items to check\n"


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with Progress("extract ir50", total=3, done=1) as progress:
        progress.advance("trial-a")
        progress.advance("trial-b")
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", stream.getvalue())
    assert "extract ir50" in text
    assert "3/3" in text
    assert "trial-b" in text
    assert "left" in text


def test_a_bar_ends_with_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    with pytest.raises(RuntimeError, match="stop"), Progress("clips", total=3) as progress:
        raise RuntimeError("stop")
    assert progress._bar is not None
    assert not progress._bar.live.is_started, "the cursor is given back"
