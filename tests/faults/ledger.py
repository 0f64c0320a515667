"""Counts the faults of a test run, and how they ended. The results of pytest-xdist's workers carry the counts along."""

from collections import Counter

import pytest

FAULT = "fault"
EQUAL, CLEAR = "equal bytes", "clear error"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how many faults there were: `faults: 46 injected, 31 ended with equal bytes, 15 with a clear error`."""
    ends: Counter[object] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", None) == "call":
                ends.update(value for name, value in report.user_properties if name == FAULT)
    if ends:
        injected, equal, clear = ends["injected"], ends[EQUAL], ends[CLEAR]
        rest = f", {injected - equal - clear} neither way" if injected > equal + clear else ""
        terminalreporter.write_line(
            f"faults: {injected} injected, {equal} ended with equal bytes, {clear} with a clear error{rest}"
        )
