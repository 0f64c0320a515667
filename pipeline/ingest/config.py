"""The section `clips`: what each clip holds."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from pipeline.runtime.section import Section


class ClipsConfig(Section):
    """One HDF5 clip per trial.

    Attributes
    ----------
    face_size : side of a face's crop, pixels
    sample_rate : of the sound, Hz
    other_face_sizes, other_sample_rates : of further crops and sounds, where a backbone reads them
    on_error : whether a trial that cannot be used ends the stage, or is listed in data/clips/rejected.csv
    """

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
