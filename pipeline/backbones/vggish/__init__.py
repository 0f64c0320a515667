"""VGGish: 0.96 s of log-mel rows to 128 numbers, before the last activation and without PCA."""

from typing import Final, Literal

import numpy as np
import numpy.typing as npt
import torch

from pipeline.backbones.common.checkpoints import build_network
from pipeline.backbones.common.vgg import EMBEDDING as DIMENSION
from pipeline.backbones.common.weights import Weights
from pipeline.backbones.vggish.dense import embed_starts
from pipeline.backbones.vggish.front_end import (
    FRONT_END,
    check_rate,
    log_mel_patches,
    log_mel_rows,
    patch_starts,
    row_count,
)
from pipeline.backbones.vggish.network import VGGish
from pipeline.backbones.vggish.random_weights import fill_random
from pipeline.clips.clip import Clip

__all__ = [
    "DATASETS",
    "DIMENSION",
    "FRONT_END",
    "MODALITY",
    "VGGish",
    "build",
    "embed",
    "log_mel_patches",
    "valid",
]

MODALITY: Final[Literal["visual", "audio"]] = "audio"
DATASETS: Final = frozenset({"audio"})


def build(weights: Weights) -> VGGish:
    """Make the network, in evaluation mode on the CPU; random weights come from their seed alone."""
    return build_network(VGGish, weights, fill_random)


def valid(clip: Clip) -> npt.NDArray[np.bool_]:
    """Return for each frame whether its patch begins within the sound, (T,)."""
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
    check_rate(clip.sample_rate, trial=clip.trial, what="extract vggish")
    rows = log_mel_rows(clip.audio)
    starts, _ = patch_starts(clip.time, len(rows))
    return embed_starts(network.features, network.embeddings, rows, starts, batch=batch, device=device)
