"""One clip's features in one view: the item function of the extract stage.

Every stored feature depends on this module and on all that it imports, so that it imports nothing of the executor.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import torch
from torch import nn

from pipeline.backbones.common.crops import clip_in_view, crop_size
from pipeline.backbones.common.interface import load_backbone
from pipeline.backbones.common.weights import Weights
from pipeline.clips.clip import check_clip, read_clip
from pipeline.features.store import write_trial
from pipeline.runtime.device import current_device

Precision = Literal["float32", "bfloat16"]

MOST_STREAMS = 3
"""Networks that a worker keeps: a stage has one for all its clips, a model that predicts videos one per stream."""


@dataclass(frozen=True, kw_only=True)
class Extraction:
    """What to compute of one clip.

    Parameters
    ----------
    backbone : name of the package
    trial, clip : the clip's name and file
    content : digest of what the backbone reads of the clip, as the manifest has it
    view : of the face, such as ``centre``
    weights : of the network
    precision : of weights, inputs and all that lies between
    batch : frames at a time; the last bits of a result depend on it
    store : type of number that is kept
    """

    backbone: str
    trial: str
    clip: Path
    content: str
    view: str
    weights: Weights
    precision: Precision
    batch: int
    store: Literal["float16", "float32"]


def embed_clip(extraction: Extraction, directory: Path) -> None:
    """Read a clip, embed each frame on this worker's device, and write the trial's file to `directory`."""
    backbone = load_backbone(extraction.backbone)
    device = current_device()
    network = inference_network(extraction.backbone, extraction.weights, extraction.precision, str(device))
    clip = read_clip(extraction.clip, mapped=True)
    check_clip(extraction.clip, claimed=extraction.content, found=clip.content(backbone.DATASETS))
    clip = clip_in_view(clip, extraction.view, crop=crop_size(backbone))
    write_trial(
        directory,
        embedding=backbone.embed(network, clip, batch=extraction.batch, device=device),
        time=clip.time,
        valid=backbone.valid(clip),
        store=extraction.store,
        attributes={"trial": extraction.trial, "backbone": extraction.backbone},
    )


@lru_cache(maxsize=MOST_STREAMS)
def inference_network(backbone: str, weights: Weights, precision: Precision, device: str) -> nn.Module:
    """Return the network on its device, made once per worker."""
    network = load_backbone(backbone).build(weights)
    return network.for_inference(torch.device(device), getattr(torch, precision))
