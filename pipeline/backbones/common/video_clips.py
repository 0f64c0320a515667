"""Short clips of faces for 3-D networks: 8 frames sampled from the last 32, for every frame of a trial.

The clip of frame i is frames i - 28, i - 24, ..., i: it ends at the frame itself. Before the
trial's first frame that first frame stands in. Steps are counted in frames, as the published codes do: at 30 frames
per second a clip spans 0.93 s, at 60 half of that.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pipeline.backbones.common.batches import embed_faces
from pipeline.backbones.common.datasets import faces_of
from pipeline.backbones.common.drawn_faces import draw_pictures
from pipeline.backbones.common.imagenet import Triple, scale_colours
from pipeline.clips.clip import Clip

SIZE: Final = 112
LENGTH: Final = 8
STEP: Final = 4
DATASETS: Final = frozenset({f"faces_{SIZE}"})


def front_end(mean: Triple, deviation: Triple) -> dict[str, Any]:
    """Describe the inputs for the feature store."""
    return {
        "crop": SIZE,
        "clip": f"{LENGTH} frames, every {STEP}th, the last is the frame itself",
        "before_first_frame": "first frame",
        "colour": "RGB",
        "scaling": "(x / 255 - mean) / deviation",
        "mean": list(mean),
        "deviation": list(deviation),
    }


def clip_frames(count: int) -> npt.NDArray[np.int64]:
    """Return the frames of each frame's clip, oldest first, (count, 8)."""
    steps = STEP * np.arange(1 - LENGTH, 1)
    return np.asarray(np.maximum(np.arange(count)[:, None] + steps, 0), dtype=np.int64)


def valid(clip: Clip) -> npt.NDArray[np.bool_]:
    """Return for each frame whether any of its clip's frames has a face, (T,)."""
    return np.asarray(clip.face_valid[clip_frames(len(clip.time))].any(axis=1), dtype=np.bool_)


def embed_clips(
    network: torch.nn.Module, clip: Clip, *, mean: Triple, deviation: Triple, batch: int, device: torch.device
) -> npt.NDArray[np.float32]:
    """Embed the clip that ends at each frame.

    Parameters
    ----------
    network : maps (n, 3, 8, 112, 112) on `device` to (n, width), in the precision it shall compute in
    clip : with crops of 112 pixels; only those of one batch of clips are in memory at a time
    mean, deviation : of the colours, over 255
    batch : clips at a time
    device : where to compute

    Returns
    -------
    (T, width); frames whose clip shows no face share the embedding of a black clip

    Raises
    ------
    InputError
        The trial holds no crops of 112 pixels.
    """
    faces = faces_of(clip, SIZE)
    frames = clip_frames(len(faces))
    dtype = next(network.parameters()).dtype

    def forward(clips: Tensor) -> Tensor:
        embedding: Tensor = network(scale_colours(clips, mean, deviation).to(dtype))
        return embedding

    return embed_faces(forward, lambda index: faces[frames[index]], valid(clip), batch=batch, device=device)


def sample_clips(count: int, *, mean: Triple, deviation: Triple, seed: int) -> Tensor:
    """Draw clips of one face each for random weights to be fitted on, (count, 3, 8, 112, 112)."""
    pictures = draw_pictures(count * LENGTH, size=SIZE, seed=seed, per_identity=LENGTH)
    return scale_colours(pictures.reshape(count, LENGTH, SIZE, SIZE, 3), mean, deviation)
