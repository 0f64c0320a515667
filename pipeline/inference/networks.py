"""What trained networks say of a recording: one item per network and person, and the folds' mean."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np

from pipeline.backbones.common.weights import Weights
from pipeline.evaluation.prediction_file import write_predictions
from pipeline.finetuning.fold import FinetunedFold
from pipeline.inference.features import Piece, read_pieces
from pipeline.inference.recording import StoredClip
from pipeline.models.trained import TrainedFold
from pipeline.runtime.device import current_device


@dataclass(frozen=True)
class NetworkTask:
    """One person for one network.

    Parameters
    ----------
    network : file of the fold
    kind : of the fold
    clip : what a fine-tuned fold reads
    pieces : what a trained fold reads, by role
    weights : that a fine-tuned fold started from, by backbone
    out : folder for the predictions
    """

    network: Path
    kind: Literal["trained", "fine-tuned"]
    clip: StoredClip
    pieces: Mapping[str, list[Piece]]
    weights: Mapping[str, Weights]
    out: Path


def predict_network(task: NetworkTask) -> None:
    """Predict every frame, and write predictions and attention to `task.out`."""
    device = current_device()
    task.out.mkdir(parents=True, exist_ok=True)
    if task.kind == "fine-tuned":
        answer = _finetuned(task.network, tuple(task.weights.items()), str(device)).predict(
            task.clip.load(), device=device
        )
    else:
        streams = {role: np.asarray(read_pieces(pieces)) for role, pieces in task.pieces.items()}
        answer = _trained(task.network, str(device)).predict(streams, device=device)
    write_predictions(task.out, answer)


@lru_cache(maxsize=1)
def _trained(path: Path, device: str) -> TrainedFold:
    """Load a fold once for the people that follow each other in a worker; `device` is where it then lies."""
    return TrainedFold.load(path)


@lru_cache(maxsize=1)
def _finetuned(path: Path, weights: tuple[tuple[str, Weights], ...], device: str) -> FinetunedFold:
    return FinetunedFold.load(path, dict(weights))
