"""VGGish over overlapping patches without computing the same convolution many times, and with the same result.

Patches of neighbouring video frames share most of their log-mel rows. Two things keep their convolutions from being
shared directly, and both are solved exactly here:

*Phases.* Four pools halve the time axis, so after pool l the maps of a patch stand on every 2^l-th row, counted from
its own start. The shared maps are therefore kept at every phase in use: `SharedMaps` holds, per phase, the rows
``phase, phase + 2^l, phase + 2 * 2^l, ...`` of the sound as one entry of a batch; a pool takes each entry at the
offsets 0 and 1.

*Edges.* A patch is padded with zeros in time, a sound is not. So the first and last rows of a patch's maps differ from
the shared ones: one row per side after the first convolution, s + 1 after a convolution of s such rows, s / 2 (rounded
up) after a pool. Only these strips are computed patch by patch, from the strip before and from the shared rows beside
it; after the last pool they are 2 rows of 6 on either side.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.backbones.common.batches import run_batches, to_device
from pipeline.backbones.vggish.front_end import PATCH, patches_at

POOLS = 4


@dataclass(frozen=True)
class SharedMaps:
    """Maps of a stretch of sound after `level` pools.

    Parameters
    ----------
    maps : (p, c, n, f), for each phase in use every 2^level-th row of the stretch
    phases : the p phases, sorted
    level : how many pools lie before
    """

    maps: Tensor
    phases: tuple[int, ...]
    level: int

    def pooled(self, wanted: tuple[int, ...]) -> "SharedMaps":
        """Pool 2 x 2 into the `wanted` phases of the next level."""
        step = 2**self.level
        parts = []
        for offset in (0, 1):
            slots = [self.phases.index(phase % step) for phase in wanted if phase // step == offset]
            if slots:
                part = self.maps if slots == list(range(len(self.maps))) else self.maps[slots]
                # The row after the last is never part of a patch; any number will do.
                part = functional.pad(part[:, :, 1:], (0, 0, 0, 1)) if offset else part
                parts.append(functional.max_pool2d(part.contiguous(memory_format=torch.channels_last), 2))
        return SharedMaps(torch.cat(parts), wanted, self.level + 1)

    def rows(self, starts: Tensor, first: int, count: int) -> Tensor:
        """Gather rows `first` .. `first + count` of each patch's own lattice, (k, c, count, f)."""
        _, channels, length, bands = self.maps.shape
        slot = torch.zeros(2**self.level, dtype=torch.int64, device=starts.device)
        slot[torch.tensor(self.phases, device=starts.device)] = torch.arange(len(self.phases), device=starts.device)
        index = slot[starts % 2**self.level] * length + starts // 2**self.level + first  # (k,)
        index = index[:, None] + torch.arange(count, device=starts.device)
        flat = self.maps.permute(0, 2, 3, 1).reshape(-1, bands, channels)
        return flat[index].permute(0, 3, 1, 2)


def overlapping_maps(features: nn.Sequential, rows: Tensor, starts: Tensor, phases: tuple[int, ...]) -> Tensor:
    """Compute the maps before VGGish's linear layers of patches that overlap.

    Parameters
    ----------
    features : VGGish's convolutions
    rows : (r, 64) log-mel, r a multiple of 16
    starts : (k,) first row of each patch; no patch reaches beyond `rows`
    phases : of `starts` modulo 16, sorted

    Returns
    -------
    (k, 512, 6, 4), equal to those of the patches one by one
    """
    shared = SharedMaps(rows[None, None].contiguous(memory_format=torch.channels_last), (0,), 0)
    length = PATCH
    strip = 0  # rows at either end that differ from the shared ones
    top = bottom = rows.new_empty(len(starts), 1, 0, rows.shape[1])
    for layer in features:
        if isinstance(layer, nn.Conv2d):
            above = torch.cat([top, shared.rows(starts, strip, 2)], dim=2)
            below = torch.cat([shared.rows(starts, length - strip - 2, 2), bottom], dim=2)
            top = _convolve(layer, functional.pad(above, (0, 0, 1, 0)))
            bottom = _convolve(layer, functional.pad(below, (0, 0, 0, 1)))
            shared = SharedMaps(layer(shared.maps), shared.phases, shared.level)
            strip += 1
        elif isinstance(layer, nn.MaxPool2d):
            if strip % 2:
                top = torch.cat([top, shared.rows(starts, strip, 1)], dim=2)
                bottom = torch.cat([shared.rows(starts, length - strip - 1, 1), bottom], dim=2)
            top, bottom = layer(top), layer(bottom)
            modulus = 2 ** (shared.level + 1)
            shared = shared.pooled(tuple(sorted({phase % modulus for phase in phases})))
            strip, length = (strip + 1) // 2, length // 2
        else:
            top, bottom = layer(top), layer(bottom)
            shared = SharedMaps(layer(shared.maps), shared.phases, shared.level)
    return torch.cat([top, shared.rows(starts, strip, length - 2 * strip), bottom], dim=2)


def _convolve(layer: nn.Conv2d, x: Tensor) -> Tensor:
    """Convolve what is padded in time already; in frequency the layer pads as always."""
    x = x.contiguous(memory_format=torch.channels_last)
    return functional.conv2d(x, layer.weight, layer.bias, padding=(0, 1))


# Multiply-accumulates in millions, from the layers' shapes.
_PATCH_COST = 796.3
"""Convolutions of one patch by itself."""
_STRIP_COST = 292.8
"""Strips of one patch."""
_ROW_COSTS = (0.037, 2.36, 14.16, 28.31)
"""Shared maps of one log-mel row at levels 0 .. 3, with all phases in use."""


def worthwhile(starts: npt.NDArray[np.int64]) -> bool:
    """Return whether sharing saves arithmetic: patches must overlap enough."""
    length = int(starts.max() - starts.min()) + PATCH
    shares = (len(np.unique(starts % 2**level)) / 2**level for level in range(POOLS))
    shared = length * sum(cost * share for cost, share in zip(_ROW_COSTS, shares, strict=True))
    return bool(shared < len(starts) * (_PATCH_COST - _STRIP_COST))


def embed_starts(
    features: nn.Sequential,
    embeddings: nn.Sequential,
    rows: npt.NDArray[np.float32],
    starts: npt.NDArray[np.int64],
    *,
    batch: int,
    device: torch.device,
    share: bool | None = None,
) -> npt.NDArray[np.float32]:
    """Embed the patch at each start; frames with the same start are computed once.

    Parameters
    ----------
    features, embeddings : VGGish's two parts, on `device`
    rows : (r, 64) log-mel
    starts : (t,) first row of each patch
    batch : patches at a time
    share : whether overlapping patches share their convolutions; None decides by the arithmetic saved

    Returns
    -------
    (t, 128)
    """
    unique, inverse = np.unique(starts, return_inverse=True)

    def forward(part: npt.NDArray[np.int64]) -> Tensor:
        maps = patch_maps(features, rows, part, device=device, share=share)
        embedding: Tensor = embeddings(maps.permute(0, 2, 3, 1).flatten(1))  # (k, 12288), channels fastest
        return embedding

    batches = ((unique[begin : begin + batch],) for begin in range(0, len(unique), batch))
    return run_batches(forward, batches, device=device)[inverse]


def patch_maps(
    features: nn.Sequential,
    rows: npt.NDArray[np.float32],
    starts: npt.NDArray[np.int64],
    *,
    device: torch.device,
    share: bool | None = None,
) -> Tensor:
    """Compute the maps before VGGish's linear layers, (k, 512, 6, 4).

    Parameters
    ----------
    features : VGGish's convolutions, on `device`
    rows : (r, 64) log-mel
    starts : (k,) first row of each patch, sorted and each once
    share : as for `embed_starts`
    """
    dtype = next(features.parameters()).dtype
    if not (worthwhile(starts) if share is None else share):
        patches = to_device(patches_at(rows, starts), device).unsqueeze(1)
        maps: Tensor = features(patches.to(dtype, memory_format=torch.channels_last))
        return maps
    origin = int(starts[0])
    stretch = rows[origin : int(starts[-1]) + PATCH]
    stretch = np.pad(stretch, ((0, -len(stretch) % 2**POOLS), (0, 0)))
    own = starts - origin
    phases = tuple(int(phase) for phase in np.unique(own % 2**POOLS))
    return overlapping_maps(features, to_device(stretch, device).to(dtype), to_device(own, device), phases)
