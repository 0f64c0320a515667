"""VGGish: 0.96 s of log-mel rows to 128 numbers, before the last activation and without PCA.

Hershey et al., "CNN Architectures for Large-Scale Audio Classification", 2017; parameter names and numbers of the
PyTorch port's checkpoint ``vggish-10086976.pth``.
"""

from collections.abc import Mapping
from typing import Final, Literal, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from pipeline.backbones.common.published import allocate, load_strictly
from pipeline.backbones.common.weights import Weights
from pipeline.backbones.vggish.dense import embed_starts
from pipeline.backbones.vggish.log_mel import (
    BANDS,
    FRONT_END,
    PATCH,
    SAMPLE_RATE,
    log_mel_rows,
    patch_starts,
    patches_at,
    row_count,
)
from pipeline.backbones.vggish.random_weights import fill_random
from pipeline.clips.clip import Clip
from pipeline.runtime.errors import InputError, Problem

__all__ = ["DIMENSION", "FRONT_END", "MODALITY", "NEEDS", "VGGish", "build", "embed", "log_mel_patches", "valid"]

MODALITY: Final[Literal["visual", "audio"]] = "audio"
DIMENSION: Final = 128
NEEDS: Final = frozenset({"audio"})


class VGGish(nn.Module):
    """Log-mel patches to embeddings; always in evaluation mode until `train` is called."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        width = 1
        for depth in (64, "pool", 128, "pool", 256, 256, "pool", 512, 512, "pool"):
            if isinstance(depth, int):
                layers += [nn.Conv2d(width, depth, 3, 1, 1), nn.ReLU()]
                width = depth
            else:
                layers.append(nn.MaxPool2d(2, 2))
        self.features = nn.Sequential(*layers)
        self.embeddings = nn.Sequential(
            nn.Linear(512 * 6 * 4, 4096),
            nn.ReLU(),
            nn.Linear(4096, 4096),
            nn.ReLU(),
            nn.Linear(4096, DIMENSION),
        )
        self.eval()

    @classmethod
    def from_published(cls, state_dict: Mapping[str, Tensor]) -> Self:
        """Build the network from a published checkpoint.

        Parameters
        ----------
        state_dict : the 18 tensors; entries ``pproc.*`` (PCA and quantisation) are left out

        Raises
        ------
        InputError
            If an entry is missing, unexpected or mis-shaped; all are listed.
        """
        network = allocate(cls)
        kept = {key: value for key, value in state_dict.items() if not key.startswith("pproc.")}
        load_strictly(network, kept, what="VGGish")
        return network

    def forward(self, x: Tensor) -> Tensor:
        """Embed patches.

        Parameters
        ----------
        x : (n, 96, 64) log-mel

        Returns
        -------
        (n, 128), before the last activation
        """
        if x.ndim != 3 or x.shape[1:] != (PATCH, BANDS):
            raise ValueError(f"VGGish takes patches of shape (n, {PATCH}, {BANDS}), got {tuple(x.shape)}")
        x = self.features(x.unsqueeze(1).contiguous(memory_format=torch.channels_last))  # (n, 512, 6, 4)
        x = x.permute(0, 2, 3, 1).flatten(1)  # (n, 12288), channels fastest
        embedding: Tensor = self.embeddings(x)
        return embedding


def build(weights: Weights) -> VGGish:
    """Make the network, in evaluation mode on the CPU; random weights come from their seed alone."""
    if weights.path is not None:
        return VGGish.from_published(weights.state_dict())
    network = allocate(VGGish)
    fill_random(network.features, network.embeddings, seed=weights.seed)
    return network


def log_mel_patches(pcm16: npt.NDArray[np.int16], times: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Cut the log-mel patch that begins at each time and looks 0.96 s ahead.

    Parameters
    ----------
    pcm16 : (N,) int16 at 16 kHz; one second of its last sample is appended
    times : (t,) s

    Returns
    -------
    (t, 96, 64); a time outside the sound gets the first or last whole patch

    Raises
    ------
    ValueError
        A time is not a finite number, or the sound is not (N,) int16.
    """
    rows = log_mel_rows(pcm16)
    starts, _ = patch_starts(np.asarray(times, dtype=np.float64), len(rows))
    return patches_at(rows, starts)


def valid(clip: Clip) -> npt.NDArray[np.bool_]:
    """Say of each frame whether its patch begins within the sound, (T,)."""
    if not len(clip.audio):
        return np.zeros(len(clip.time), dtype=np.bool_)
    return patch_starts(clip.time, row_count(len(clip.audio)))[1]


def embed(network: VGGish, clip: Clip, *, batch: int, device: torch.device) -> npt.NDArray[np.float32]:
    """Embed the sound that begins at each frame.

    Parameters
    ----------
    network : on `device`, in the precision it shall compute in
    clip : with sound at 16 kHz; no sound at all counts as silence
    batch : patches at a time
    device : where to compute

    Returns
    -------
    (T, 128)

    Raises
    ------
    InputError
        The clip's sample rate is another.
    """
    if clip.sample_rate != SAMPLE_RATE:
        message = f"sound at {clip.sample_rate} Hz, but VGGish hears at {SAMPLE_RATE} Hz"
        problem = Problem(message, trial=clip.trial, remedy=f"set `clips.sample_rate: {SAMPLE_RATE}`")
        raise InputError("extract vggish", [problem])
    rows = log_mel_rows(clip.audio)
    starts, _ = patch_starts(clip.time, len(rows))
    return embed_starts(network.features, network.embeddings, rows, starts, batch=batch, device=device)
