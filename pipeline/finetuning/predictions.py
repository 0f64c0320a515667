"""What a fold of a fine-tuned model predicts for a trial: the item function behind its scores.

The features of a fine-tuned backbone are in no store, so each fold embeds its validation trials and the test trials
itself. They are items of their own: a new test trial is predicted, and no fold is fine-tuned again.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pipeline.clips.clip import check_clip, read_clip
from pipeline.evaluation.prediction_file import write_predictions
from pipeline.finetuning.fold import FinetunedFold
from pipeline.finetuning.task import StreamSource
from pipeline.runtime.device import current_device


@dataclass(frozen=True)
class PredictionTask:
    """One trial for one fold.

    Parameters
    ----------
    fold : file of the fine-tuned fold
    streams : source of its features, by role
    clip : file of the trial
    digest : of its content, as the manifest has it
    labelled : whether it is a validation trial, of which ``gaps: compact`` leaves out frames without any label
    """

    fold: Path
    streams: tuple[tuple[str, StreamSource], ...]
    clip: Path
    digest: str
    labelled: bool


def predict_trial(task: PredictionTask, directory: Path) -> None:
    """Predict every frame of a trial."""
    device = current_device()
    clip = read_clip(task.clip)
    check_clip(task.clip, claimed=task.digest, found=clip.digest())
    answer = _load(task.fold, task.streams, str(device)).predict(
        clip, device=device, labels=clip.labels if task.labelled else None
    )
    write_predictions(directory, answer)


@lru_cache(maxsize=1)
def _load(path: Path, streams: tuple[tuple[str, StreamSource], ...], device: str) -> FinetunedFold:
    """Load a fold once for the trials that follow each other in a worker; `device` is where it then lies."""
    return FinetunedFold.load(path, {source.backbone: source.weights for _, source in streams})
