"""Parts of a clip, read straight from its file: a window of faces, or a stretch of sound."""

from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from pipeline.clips.clip import REMEDY, SCHEMA
from pipeline.runtime.hdf5 import open_hdf5
from pipeline.runtime.reading import reading


class OpenClip:
    """A clip opened read-only, for code that needs a window of it and not the whole.

    Parameters
    ----------
    path : file that `write_clip` wrote

    Raises
    ------
    InputError
        The file is missing, damaged, or no clip of this schema version.
    """

    def __init__(self, path: Path) -> None:
        with reading(path, what="a clip cannot be read", trial=path.stem, remedy=REMEDY):
            self._file = open_hdf5(path)
            if self._file.attrs.get("schema") != SCHEMA:
                self._file.close()
                raise ValueError(f"no clip of schema {SCHEMA}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    @property
    def trial(self) -> str:
        """Name of the trial."""
        return str(self._file.attrs["trial"])

    @property
    def time(self) -> NDArray[np.float64]:
        """(t,) seconds of all frames."""
        return np.asarray(self._file["time"][:], dtype=np.float64)

    @property
    def sample_rate(self) -> int:
        """Hertz."""
        return int(self._file.attrs["sample_rate"])

    @property
    def samples(self) -> int:
        """Length of the sound."""
        return int(self._file["audio"].shape[0])

    def faces(self, frames: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Read the faces of `frames`, (n, s, s, 3).

        Parameters
        ----------
        frames : (n,) in any order, with repetitions; read in as few consecutive runs as they form
        """
        unique, inverse = np.unique(frames, return_inverse=True)
        runs = np.split(unique, np.flatnonzero(np.diff(unique) > 1) + 1)
        dataset: Any = self._file["faces"]
        faces = np.concatenate([dataset[int(run[0]) : int(run[-1]) + 1] for run in runs])
        return np.asarray(faces[inverse], dtype=np.uint8)

    def sound(self, first: int, last: int) -> NDArray[np.int16]:
        """Read the samples from `first` up to `last`, which may lie behind the end."""
        return np.asarray(self._file["audio"][first:last], dtype=np.int16)
