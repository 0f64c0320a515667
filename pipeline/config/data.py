"""The sections of what comes before training: clips, folds and backbones."""

from typing import Annotated, Literal, get_args

from pydantic import Field, field_validator, model_validator

from pipeline.config.section import Section


class ClipsConfig(Section):
    """One HDF5 clip per trial."""

    face_size: int = Field(default=48, ge=40)
    sample_rate: int = Field(default=16000, gt=0)
    other_face_sizes: tuple[Annotated[int, Field(ge=40)], ...] = ()
    other_sample_rates: tuple[Annotated[int, Field(gt=0)], ...] = ()
    on_error: Literal["fail", "skip"] = "fail"

    @model_validator(mode="after")
    def _check_others(self) -> "ClipsConfig":
        for name, numbers in (
            ("other_face_sizes", (self.face_size, *self.other_face_sizes)),
            ("other_sample_rates", (self.sample_rate, *self.other_sample_rates)),
        ):
            if len(set(numbers)) < len(numbers):
                raise ValueError(f"{name}: each size or rate is stored once, got {list(numbers)} in all")
        return self


class FoldsConfig(Section):
    """How trials are split for cross-validation."""

    scheme: Literal["abaw", "subject"] = "subject"
    count: int = Field(default=6, ge=2)


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
"""How a face can be looked at: where the backbone's crop is taken, and whether left and right are exchanged."""


class BackboneConfig(Section):
    """One backbone: its weights, the precision of computation and storage, and the views of a face it embeds."""

    weights: str
    sha256: str | None = None
    seed: int = 0
    precision: Literal["float32", "bfloat16"] = "float32"
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
            raise ValueError("centre must be among the views: it is the one that evaluation looks at")
        # One order, whatever the user's: a store's view 0 is the centre.
        return tuple(view for view in get_args(View) if view in views)
