"""The `demo` section of data/demo/params.yaml: seed, sizes and noise levels of the rendered corpus."""

from pathlib import Path

from pydantic import Field, field_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline.runtime.errors import ConfigError
from pipeline.runtime.section import Section, validate


class TrialCounts(Section):
    """Number of trials (one subject in one video) per partition."""

    train: int = Field(ge=1)
    validation: int = Field(ge=1)
    test: int = Field(ge=0)


class PictureSize(Section):
    """Size of the rendered videos in pixels; even, because H.264 stores colour at half the resolution."""

    width: int = Field(ge=96)
    height: int = Field(ge=96)

    @field_validator("width", "height")
    @classmethod
    def _even(cls, value: int) -> int:
        if value % 2:
            raise ValueError(f"{value} is odd; H.264 with 4:2:0 colour needs an even size, such as {value + 1}")
        return value


class NoiseLevels(Section):
    """Standard deviation of one modality's own slow noise, relative to that of the latent it hides."""

    valence: float = Field(ge=0)
    arousal: float = Field(ge=0)


class ModalityNoise(Section):
    """The noise of both modalities: unequal levels make each tell another part of the truth."""

    visual: NoiseLevels
    audio: NoiseLevels


class DemoConfig(Section):
    """Everything the rendered corpus depends on.

    Parameters
    ----------
    seed : every random stream derives from it and the name of the trial, subject or video concerned
    trials : number of trials per partition
    seconds : mean length of a video in seconds; single videos differ by up to a tenth
    picture : size of the videos in pixels
    crop_size : side of the aligned face crops in pixels
    sample_rate : of the voice track, in hertz
    latent_period : mean time between two upward zero crossings of valence or arousal, in seconds
    noise : per modality and target, see `NoiseLevels`
    useless_share : share of the time in which one of the two modalities carries no information
    """

    seed: int = Field(ge=0)
    trials: TrialCounts
    seconds: float = Field(ge=2.0)
    picture: PictureSize
    crop_size: int = Field(ge=16)
    sample_rate: int = Field(ge=16000, le=48000)
    latent_period: float = Field(gt=0.5)
    noise: ModalityNoise
    useless_share: float = Field(ge=0, le=0.5)


class _DemoParams(Section):
    """The whole of data/demo/params.yaml."""

    demo: DemoConfig


def load(path: Path) -> DemoConfig:
    """Read the section `demo` of the parameters file `path`.

    Raises
    ------
    ConfigError
        The file cannot be read, or has keys that are unknown, missing or impossible; the message names them all.
    """
    try:
        data = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    except YAMLError as error:
        raise ConfigError(f"{path} is not YAML: {error}") from error
    return validate(_DemoParams, data, at=str(path)).demo
