"""One clip's features in a view other than the centre: an item function beside that of the centre.

`pipeline.backbones.common.embed` knows nothing of views on purpose: every feature that was ever computed depends on its code.
"""

from dataclasses import dataclass
from pathlib import Path

from pipeline.backbones.common.embed import Extraction, _network
from pipeline.backbones.common.interface import load_backbone
from pipeline.backbones.common.views import crop_size, see
from pipeline.clips.clip import read_clip
from pipeline.features.store import write_trial
from pipeline.runtime.device import current_device


@dataclass(frozen=True, kw_only=True)
class ViewExtraction:
    """What to compute of one clip.

    Parameters
    ----------
    centre : how its centre view is computed
    view : which view to compute instead
    """

    centre: Extraction
    view: str


def embed_view(task: ViewExtraction, directory: Path) -> None:
    """Read a clip, embed a view of each frame on this worker's device, and write the trial's group to `directory`."""
    extraction = task.centre
    backbone = load_backbone(extraction.backbone)
    device = current_device()
    network = _network(extraction.backbone, extraction.weights, extraction.precision, str(device))
    clip = see(read_clip(extraction.clip, audio=False), task.view, crop=crop_size(backbone))
    write_trial(
        directory,
        embedding=backbone.embed(network, clip, batch=extraction.batch, device=device),
        time=clip.time,
        valid=backbone.valid(clip),
        store=extraction.store,
        attributes={"trial": extraction.trial, "backbone": extraction.backbone, "view": task.view},
    )
