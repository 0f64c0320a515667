"""Work per core: variants that take turns on one pinned thread, in CPU seconds, as ratios within each turn."""

import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True)
class Times:
    """CPU seconds of one variant, turn by turn.

    Parameters
    ----------
    seconds : of each turn
    result : what the call that does not count returned
    """

    seconds: tuple[float, ...]
    result: Any = None

    @property
    def median(self) -> float:
        """Median of the turns' seconds."""
        return statistics.median(self.seconds)

    def rate(self, work: float) -> float:
        """Return `work` per second, the median."""
        return work / self.median

    def rates(self, work: float) -> str:
        """Write slowest to fastest `work` per second."""
        return f"{work / max(self.seconds):.3g} to {work / min(self.seconds):.3g}"

    def over(self, other: "Times") -> tuple[float, float, float]:
        """Return median, lowest and highest of how many times faster this is than `other`, turn by turn.

        What slows the machine for a while slows both sides of a turn.
        """
        ratios = [slow / fast for slow, fast in zip(other.seconds, self.seconds, strict=True)]
        return statistics.median(ratios), min(ratios), max(ratios)


@contextmanager
def one_pinned_thread() -> Iterator[None]:
    """Compute on one thread that stays on one core."""
    allowed, threads = os.sched_getaffinity(0), torch.get_num_threads()
    os.sched_setaffinity(0, {max(allowed)})
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        os.sched_setaffinity(0, allowed)


def take_turns(variants: Mapping[str, Callable[[], Any]], *, rounds: int) -> dict[str, Times]:
    """Time every variant once per round, after one call that does not count."""
    results = {name: function() for name, function in variants.items()}
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(rounds):
        for name, function in variants.items():
            start = time.process_time()
            function()
            seconds[name].append(time.process_time() - start)
    return {name: Times(tuple(taken), results[name]) for name, taken in seconds.items()}


def spread(ratio: Sequence[float]) -> str:
    """Write median, lowest and highest of a ratio."""
    middle, low, high = ratio
    return f"{middle:.2f} [{low:.2f} to {high:.2f}]"
