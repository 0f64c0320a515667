from collections.abc import Mapping
from typing import ClassVar

import pytest
import torch

from pipeline.fusion.blocks.head import NormalisedHead, RegressionHead
from pipeline.fusion.blocks.system import AudioVisualSystem, FusionSystem


class Plain(FusionSystem):
    STREAMS: ClassVar[tuple[int, int | None]] = (1, None)

    def __init__(self, *, widths: Mapping[str, int], length: int, scale: float = 1.0) -> None:
        super().__init__()
        self.given = (widths, length, scale)
        self.out_features = sum(widths.values())


class Two(Plain):
    STREAMS = (2, 3)


class One(Plain):
    STREAMS = (1, 1)


class Led(Plain):
    ROLES = ("visual",)
    STREAMS = (2, None)
    HEAD = NormalisedHead


class Pair(AudioVisualSystem):
    def __init__(self, *, d_a: int, d_v: int, length: int) -> None:
        super().__init__()
        self.given = (d_a, d_v, length)


def test_a_system_is_built_from_its_streams_and_options() -> None:
    assert Plain.for_streams(widths={"audio": 2}, length=5, scale=3.0).given == ({"audio": 2}, 5, 3.0)
    assert Led.for_streams(widths={"audio": 2, "visual": 1}, length=5).given[0] == {"audio": 2, "visual": 1}
    assert Pair.for_streams(widths={"visual": 7, "audio": 2}, length=5).given == (2, 7, 5)


@pytest.mark.parametrize(
    ("system", "roles", "message"),
    [
        (Plain, [], "needs 1 or more streams; got []"),
        (One, ["audio", "visual"], "needs 1 stream; got ['audio', 'visual']"),
        (Two, ["audio"], "needs 2 to 3 streams; got ['audio']"),
        (Two, ["a", "b", "c", "d"], "needs 2 to 3 streams; got ['a', 'b', 'c', 'd']"),
        (Led, ["visual"], "needs 2 or more streams, 'visual' among them; got ['visual']"),
        (Led, ["audio", "audio_2"], "needs 2 or more streams, 'visual' among them; got ['audio', 'audio_2']"),
        (Pair, ["audio"], "needs 2 streams, 'audio' and 'visual' among them; got ['audio']"),
    ],
)
def test_streams_that_do_not_fit_are_named(system: type[FusionSystem], roles: list[str], message: str) -> None:
    with pytest.raises(ValueError, match="needs") as caught:
        system.for_streams(widths=dict.fromkeys(roles, 3), length=5)
    assert str(caught.value) == f"test_system {message}"


def test_the_head_reads_the_systems_features() -> None:
    widths = {"visual": 4, "audio": 3}
    shared = Plain.for_streams(widths=widths, length=5).build_head(ranges=[(0.0, 1.0)], hidden=2)
    own = Led.for_streams(widths=widths, length=5).build_head(ranges=[(0.0, 1.0)], bounded=True)
    assert isinstance(shared, RegressionHead)
    assert isinstance(own, NormalisedHead)
    assert own.bounded
    for head in (shared, own):
        assert head(torch.zeros(2, 5, 7)).shape == (2, 5, 1)
