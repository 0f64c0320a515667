"""How VGGish is fine-tuned: its three linear layers, the last first; the convolutions stay as they are."""

from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pipeline.backbones.vggish import VGGish
from pipeline.backbones.vggish.dense import patch_maps
from pipeline.backbones.vggish.front_end import HOP, PATCH, WINDOW, check_rate, log_mel_rows, patch_starts, row_count
from pipeline.clips.excerpt import OpenClip
from pipeline.finetuning.tunable import Augmentation, Excerpt, Step

RELEASE: Final = (("embeddings.4",), ("embeddings.2",), ("embeddings.0",))


def steps(network: VGGish) -> list[Step]:
    """Cut the network behind its convolutions, which `prepare` has run."""
    return [(f"embeddings.{index}", layer) for index, layer in enumerate(network.embeddings)]


def read(clip: OpenClip, frames: npt.NDArray[np.int64]) -> Excerpt:
    """Read the log-mel rows (r, 64) that the patches of `frames` cover, and the row at which each begins, (n,).

    Raises
    ------
    InputError
        The clip's sample rate is another.
    """
    check_rate(clip.sample_rate, trial=clip.trial, what="fine-tuning vggish")
    starts, _ = patch_starts(clip.time, row_count(clip.samples))
    starts = starts[frames]
    first, last = int(starts.min()), int(starts.max()) + PATCH
    # Past its end a sound continues with its last sample, which must be part of what is read.
    begin = min(first * HOP, max(clip.samples - 1, 0))
    rows = log_mel_rows(clip.sound(begin, (last - 1) * HOP + WINDOW))
    return rows[: last - first], starts - first


def prepare(network: VGGish, excerpt: Excerpt, *, augmentation: Augmentation, device: torch.device) -> Tensor:
    """Run the convolutions: (n, 12288), channels fastest. Sound has no crop and no mirror image."""
    rows, starts = excerpt
    unique, inverse = np.unique(starts, return_inverse=True)
    maps = patch_maps(network.features, rows, unique, device=device)  # (k, 512, 6, 4)
    return maps.permute(0, 2, 3, 1).flatten(1)[torch.from_numpy(inverse).to(device)]
