"""A trial, which is one subject in one video, and its files."""

from dataclasses import dataclass
from pathlib import Path

from pipeline.clips.partition import Partition
from pipeline.runtime.errors import InputError, Problem
from pipeline.runtime.names import RULE, name_fault


@dataclass(frozen=True)
class Trial:
    """One trial and its files, which need not exist yet.

    Parameters
    ----------
    trial : its name, unique in the corpus
    partition : which part of the corpus' official split it belongs to
    subject : trials with the same subject are kept on one side of a subject-wise fold
    video : the video, with the sound unless `audio` is given
    images : folder of the face crops, named by frame number, or None where faces are to be found in the video
    annotation : its labels, or None where there are none (a test set); `pipeline.corpora.labels.PER_TARGET` in the path
        stands for the name of each target that has a file of its own
    audio : a separate file with the sound, or None

    Raises
    ------
    InputError
        Nothing may be called like the trial.
    """

    trial: str
    partition: Partition
    subject: str
    video: Path
    images: Path | None
    annotation: Path | None
    audio: Path | None = None

    def __post_init__(self) -> None:
        fault = name_fault(self.trial)
        if fault:
            # Readers report a name with its file and row; this keeps a clip inside its item whatever a reader does.
            raise InputError("unusable corpus", [Problem(f"trial {fault}", remedy=f"use {RULE}")])
