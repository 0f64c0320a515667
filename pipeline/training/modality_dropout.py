"""Modality dropout: in some windows a stretch of one stream is replaced, so that a model cannot lean on one modality.

The stretch comes from a window of another training trial or, in a stream of faces, is the embedding that frames
without a face share. Labels stay as they are. Other streams stay as they are too: something always tells of the labels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from pipeline.models.views import gather_windows


@dataclass(frozen=True)
class Replacements:
    """What is replaced in each of n windows.

    Parameters
    ----------
    stream : (n,), place of the stream among the roles; -1 where nothing is replaced
    start, end : (n,), positions [start, end) within the window
    source : (n,), the window that the stretch comes from; -1 for the missing face's embedding
    """

    stream: Tensor
    start: Tensor
    end: Tensor
    source: Tensor

    def __getitem__(self, windows: Tensor) -> "Replacements":
        return Replacements(self.stream[windows], self.start[windows], self.end[windows], self.source[windows])

    def to(self, device: torch.device) -> "Replacements":
        """Return it on `device`."""
        return Replacements(*(getattr(self, one.name).to(device) for one in fields(self)))

    def inside(self, place: int, length: int) -> Tensor:
        """Return (n, length) bool: where the stream at `place` is replaced."""
        position = torch.arange(length, device=self.stream.device)
        within = (position >= self.start[:, None]) & (position < self.end[:, None])
        return within & (self.stream == place)[:, None]

    def untouched(self, streams: int, length: int) -> Tensor:
        """Return (n, length, streams) bool: where each stream is the window's own."""
        return torch.stack([~self.inside(place, length) for place in range(streams)], dim=-1)


class ModalityDropout:
    """Draws what is replaced, once for every window and epoch, and replaces it.

    Parameters
    ----------
    probability : that a window has a stretch replaced
    trial : (n,), number of each training window's trial, rising; of two trials or more
    frames : (n,), existing frames of each training window
    missing : embedding (d_m,) of a missing face, for the roles that have one, which then takes half of the stretches

    Raises
    ------
    ValueError
        All windows are of one trial.
    """

    def __init__(self, probability: float, *, trial: Tensor, frames: Tensor, missing: Mapping[str, Tensor]) -> None:
        if bool((trial == trial[0]).all()):
            raise ValueError("modality dropout takes stretches of other trials, but there is one training trial only")
        self.probability, self.frames, self.missing = probability, frames, missing
        self.first = torch.searchsorted(trial, trial)
        self.count = torch.searchsorted(trial, trial, right=True) - self.first

    def draw(self, roles: Sequence[str], *, generator: torch.Generator) -> Replacements:
        """Draw for every training window: which of the streams, which stretch, and in its place what.

        Every number is drawn for every window, so that the order of later draws does not depend on earlier ones.
        """
        n = len(self.frames)
        hit, long, late, far, kind = (torch.rand(n, generator=generator, dtype=torch.float64) for _ in range(5))
        stream = torch.randint(len(roles), (n,), generator=generator)
        length = 1 + (long * self.frames).long()  # 1 to all frames of the window
        start = (late * (self.frames - length + 1)).long()
        other = (far * (n - self.count)).long()  # a place among the windows of other trials
        source = torch.where(other < self.first, other, other + self.count)
        has_missing = torch.tensor([role in self.missing for role in roles])[stream]
        source = torch.where(has_missing & (kind < 0.5), -1, source)
        return Replacements(torch.where(hit < self.probability, stream, -1), start, start + length, source)

    def apply(
        self,
        windows: Mapping[str, Tensor],
        streams: Mapping[str, Tensor],
        index: Tensor,
        chosen: Mapping[str, Tensor],
        replaced: Replacements,
    ) -> dict[str, Tensor]:
        """Replace.

        Parameters
        ----------
        windows : (b, t, d_m) by role, changed in a copy
        streams : (rows, d_m) or (v, rows, d_m) by role
        index : (n, t), rows of every training window
        chosen : (b,), view of each window for the roles that have several; a stretch is in the view of its window
        replaced : for these b windows
        """
        found = {}
        for place, (role, x) in enumerate(windows.items()):
            other = gather_windows(streams[role], index[replaced.source.clamp_min(0)], chosen.get(role)).to(x.dtype)
            if role in self.missing:
                absent = (replaced.source < 0)[:, None, None]
                other = torch.where(absent, self.missing[role].to(x.dtype), other)
            found[role] = torch.where(replaced.inside(place, x.shape[1]).unsqueeze(-1), other, x)
        return found
