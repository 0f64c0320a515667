"""What the fine-tuning of one fold is given."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.backbones.common.weights import Weights
from pipeline.finetuning.config import FinetuneConfig


@dataclass(frozen=True)
class StreamSource:
    """Where a stream's features come from.

    Parameters
    ----------
    backbone : name of its module
    weights : that fine-tuning starts from
    batch : frames at a time where nothing is learned
    """

    backbone: str
    weights: Weights
    batch: int


@dataclass(frozen=True)
class FinetuneTask:
    """Everything that the fine-tuning of one fold needs.

    Parameters
    ----------
    fold : number of the fold, added to the seed
    base : file of the trained fold to start from
    clips : folder of the clips
    train, validation : names of trials
    digests : of the content of these trials' clips, as the manifest has it
    streams : source of each role's features
    config : how to fine-tune
    checkpoint : file for the state after each epoch
    """

    fold: int
    base: Path
    clips: Path
    train: tuple[str, ...]
    validation: tuple[str, ...]
    digests: Mapping[str, str]
    streams: Mapping[str, StreamSource]
    config: FinetuneConfig
    checkpoint: Path
