"""The views of a face: the crop that a backbone takes, moved into a corner, and mirrored.

A view is made of the clip, before the backbone: the backbone gets faces whose centre crop is the view. So no backbone
has code for views.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from pipeline.backbones.common.interface import Backbone
from pipeline.clips.clip import Clip

CENTRE: Final = "centre"
FLIPPED: Final = "_flipped"

Pixels = npt.NDArray[np.uint8]


def crop_size(backbone: Backbone) -> int | None:
    """Return the side of the crop that a backbone takes from the middle of larger faces, or None if it takes none."""
    cuts = backbone.FRONT_END.get("place") == CENTRE
    return int(backbone.FRONT_END["crop"]) if cuts else None


def impossible_views(backbone: Backbone, views: Sequence[str], *, face_size: int) -> list[str]:
    """Describe the views that a backbone cannot have: which they are, why, and what there is instead.

    Parameters
    ----------
    backbone : the package
    views : names
    face_size : side of the clips' faces, pixels
    """
    if backbone.MODALITY == "audio":
        allowed, why = {CENTRE}, "sound has no crop and no mirror image"
    elif (crop := crop_size(backbone)) is None:
        allowed, why = {CENTRE, CENTRE + FLIPPED}, "this backbone reads the whole face and takes no crop of it"
    elif face_size <= crop:
        allowed = {CENTRE, CENTRE + FLIPPED}
        why = f"a crop of {crop} pixels has one place in faces of {face_size}; set a larger `clips.face_size`, say 48"
    else:
        return []
    wrong = [view for view in views if view not in allowed]
    return [f"{', '.join(wrong)}: {why}; possible here: {', '.join(sorted(allowed))}"] if wrong else []


def clip_in_view(clip: Clip, view: str, *, crop: int | None) -> Clip:
    """Return the clip with the faces of one view.

    Parameters
    ----------
    clip : with faces; those in other sizes are mirrored only, and only when they are read
    view : its name
    crop : side of the backbone's crop, which the faces are cut to; None leaves them whole, and so do faces that are
        smaller, which the backbone refuses
    """
    place = view.removesuffix(FLIPPED)
    faces = clip.faces
    if crop is not None and min(faces.shape[1:3]) >= crop:
        faces = _cut(faces, place, crop)
    if not view.endswith(FLIPPED):
        return replace(clip, faces=faces)
    further = {size: _mirror(pixels) for size, pixels in clip.other_faces.items()}
    return replace(clip, faces=_mirror(faces), other_faces=further)


def _cut(faces: Pixels, place: str, crop: int) -> Pixels:
    height, width = faces.shape[1:3]
    vertical, _, horizontal = place.partition("_")
    top = {"top": 0, "bottom": height - crop}.get(vertical, (height - crop) // 2)
    left = {"left": 0, "right": width - crop}.get(horizontal, (width - crop) // 2)
    return faces[:, top : top + crop, left : left + crop]


def _mirror(faces: Pixels) -> Pixels:
    return faces[:, :, ::-1]
