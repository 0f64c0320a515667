"""An entry of the section `backbones`."""

from typing import Literal, get_args

from pydantic import Field, field_validator

from pipeline.runtime.section import Section

View = Literal[
    "centre",
    "centre_flipped",
    "top_left",
    "top_left_flipped",
    "top_right",
    "top_right_flipped",
    "bottom_left",
    "bottom_left_flipped",
    "bottom_right",
    "bottom_right_flipped",
]
"""Where the backbone's crop of a face is taken, and whether left and right are exchanged."""


class BackboneConfig(Section):
    """One backbone: its weights, the precision of computation and storage, and the views of a face it embeds.

    `precision` is that of the network. ``"auto"`` is bfloat16 where all devices that may compute have instructions for
    it and `compute.numerics` is ``"native"``, float32 elsewhere; `pipeline.runtime.precision` resolves it.

    Attributes
    ----------
    weights : a file's path, or random
    sha256 : the file's checksum, without which it is refused
    seed : of random weights
    precision : of the network
    batch : frames at a time
    store : type of the stored numbers
    views : of a face, each embedded once; centre must be among them
    """

    weights: str
    sha256: str | None = None
    seed: int = 0
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    batch: int = Field(default=32, gt=0)
    store: Literal["float16", "float32"] = "float16"
    views: tuple[View, ...] = ("centre",)

    @field_validator("views")
    @classmethod
    def _order_views(cls, views: tuple[View, ...]) -> tuple[View, ...]:
        twice = sorted({view for view in views if views.count(view) > 1})
        if twice:
            raise ValueError(f"each view is named once, but {', '.join(twice)} is there again")
        if "centre" not in views:
            raise ValueError("centre must be among the views: it is the one that evaluation uses")
        # One order, whatever the user's: a store's view 0 is the centre.
        return tuple(view for view in get_args(View) if view in views)
