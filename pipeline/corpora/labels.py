"""A trial's labels, whichever way its corpus writes them, and how they come onto the frames of its video.

Legend: t frames, k targets.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.clips.target import Target
from pipeline.corpora.annotation import parse_annotation
from pipeline.corpora.config import CorpusConfig, RecolaConfig, TableConfig
from pipeline.corpora.gold_standard import parse_gold_standard
from pipeline.corpora.ratings import Ratings, parse_ratings
from pipeline.runtime.tables import LARGEST_LABELS, read_bounded

PER_TARGET = "{target}"
"""Stands for a target's name in the path of an annotation that has one file per target."""


@dataclass(frozen=True)
class LabelFormat:
    """How a corpus writes its labels.

    Parameters
    ----------
    kind : ``"annotation"`` as in Aff-Wild2, ``"ratings"`` as in a table, ``"gold_standard"`` as in RECOLA
    delays : how late raters answer, per target, s; empty where they do not
    """

    kind: Literal["annotation", "ratings", "gold_standard"]
    delays: tuple[float, ...] = ()


ANNOTATION = LabelFormat("annotation")


@dataclass(frozen=True)
class LabelFile:
    """A file with labels: the name of the source, where it is, and which targets it holds."""

    source: str
    path: Path
    targets: tuple[Target, ...]

    def read(self) -> bytes:
        """Return the file's bytes.

        Raises
        ------
        InputError
            It is no file, cannot be read, or is larger than labels are.
        """
        return read_bounded(self.path, largest=LARGEST_LABELS, what="unusable labels")

    def parse(self, data: bytes, form: LabelFormat) -> tuple[Ratings, ...]:
        """Return the ratings of each target from the file's bytes.

        Raises
        ------
        InputError
            Lists every bad line.
        """
        file = str(self.path)
        if form.kind == "gold_standard":
            return tuple(parse_gold_standard(data, target, file=file) for target in self.targets)
        if form.kind == "ratings":
            return parse_ratings(data, self.targets, file=file)
        rows = parse_annotation(data, self.targets, file=file)
        return tuple(Ratings(np.ascontiguousarray(column), None) for column in rows.T)


@dataclass(frozen=True)
class Labels:
    """The labels of one trial, whole.

    Parameters
    ----------
    ratings : one entry per target
    delays : how late raters answered, per target, s
    files : the file of each target, for messages
    """

    ratings: tuple[Ratings, ...]
    delays: tuple[float, ...]
    files: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """Rows of the longest file."""
        return max(len(ratings.values) for ratings in self.ratings)

    @property
    def timed(self) -> bool:
        """Whether rows have to be brought to the frames' times, rather than counted off."""
        return any(self.delays) or any(ratings.time is not None for ratings in self.ratings)

    def at_frames(self, time: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return the label of each frame, (t, k), NaN where there is none; see `Ratings.at_frames`."""
        pairs = zip(self.ratings, self.delays, strict=True)
        return np.stack([ratings.at_frames(time, delay=delay) for ratings, delay in pairs], axis=1)

    def covers(self, time: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Say of which frames, (t,), at least one target has rows before and after."""
        pairs = zip(self.ratings, self.delays, strict=True)
        covered: NDArray[np.bool_] = np.logical_or.reduce([part.covers(time, delay=delay) for part, delay in pairs])
        return covered


def format_of(config: CorpusConfig) -> LabelFormat:
    """Return how the corpus of params.yaml writes its labels."""
    if isinstance(config, RecolaConfig | TableConfig):
        delays = tuple(config.label_delay.get(name, 0.0) for name in config.targets)
        return LabelFormat("gold_standard" if isinstance(config, RecolaConfig) else "ratings", delays)
    return ANNOTATION


def label_files(annotation: Path, targets: Sequence[Target]) -> tuple[LabelFile, ...]:
    """Return the files of an annotation: one with all targets, or one per target."""
    if PER_TARGET not in str(annotation):
        return (LabelFile("annotation", annotation, tuple(targets)),)
    return tuple(
        LabelFile(f"{target.name} annotation", Path(str(annotation).replace(PER_TARGET, target.name)), (target,))
        for target in targets
    )
