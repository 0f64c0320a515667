"""The feature store: one file per trial, each a Zarr v3 group, whose bytes depend only on what was computed.

::

    data/features/ir50.zarr/
        zarr.json               attributes: schema, backbone, weights, front end, digest of each trial, fingerprint
        <trial>.zip
            embedding           (frame, feature) float16 or float32; with several views (view, frame, feature)
            time                (frame,) float64, s
            valid               (frame,) bool: False where the clip holds no face or no sound

A trial's file is an item of the item cache; a store is a folder of them. The digest of a trial is its file's SHA-256:
what is read is compared with it. `pipeline.features.trial_file` says why a trial is one file.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import zarr
from zarr.storage import LocalStore

from pipeline.features.trial_file import FILE, read_array, read_arrays, write_arrays
from pipeline.runtime.errors import InputError, Problem
from pipeline.runtime.files import assemble, replacing, sha256_file
from pipeline.runtime.reading import REPAIR

SCHEMA_VERSION = 3

SUFFIX = ".zip"

_REMEDY = "run `dvc repro` for its extract stage"


@dataclass(frozen=True)
class Features:
    """One trial's embeddings.

    Parameters
    ----------
    embedding : (t, d_m) float16 or float32; (v, t, d_m) where the store has several views
        (`pipeline.features.views.views_of` names them)
    time : (t,) float64, s
    valid : (t,) bool
    """

    embedding: npt.NDArray[np.float16] | npt.NDArray[np.float32]
    time: npt.NDArray[np.float64]
    valid: npt.NDArray[np.bool_]


def write_trial(
    directory: Path,
    *,
    embedding: npt.NDArray[np.floating[Any]],
    time: npt.NDArray[np.float64],
    valid: npt.NDArray[np.bool_],
    store: Literal["float16", "float32"],
    attributes: Mapping[str, Any],
) -> None:
    """Write one trial's file.

    Parameters
    ----------
    directory : of the item, in which the file is made
    embedding : (t, d_m)
    time : (t,) s
    valid : (t,)
    store : type of number kept for `embedding`
    attributes : of the group; plain JSON

    Raises
    ------
    ValueError
        The arrays' lengths differ, there is no frame, or an embedding is not finite as `store`.
    """
    frames = len(embedding)
    if embedding.ndim != 2 or frames == 0 or time.shape != (frames,) or valid.shape != (frames,):
        raise ValueError(
            f"embedding {embedding.shape}, time {time.shape} and valid {valid.shape} are not of one number of frames"
        )
    arrays = {
        "embedding": as_stored(embedding, store),
        "time": time.astype(np.float64),
        "valid": valid.astype(np.bool_),
    }
    write_arrays(directory / FILE, arrays, attributes=attributes)


def as_stored(
    embedding: npt.NDArray[np.floating[Any]], store: Literal["float16", "float32"]
) -> npt.NDArray[np.float16] | npt.NDArray[np.float32]:
    """Return embeddings (t, d_m) as the type of number that a store keeps.

    Raises
    ------
    ValueError
        One is not finite as `store`.
    """
    with np.errstate(over="ignore"):
        kept: npt.NDArray[np.float16] | npt.NDArray[np.float32] = embedding.astype(store)
    finite = np.isfinite(kept).all(axis=1)
    if not finite.all():
        raise ValueError(f"embedding of frame {int(np.argmin(finite))} is not finite as {store}")
    return kept


def assemble_store(
    path: Path,
    trials: Mapping[str, Path],
    *,
    attributes: Mapping[str, Any],
    checksums: Mapping[str, Mapping[str, str]] | None = None,
) -> None:
    """Put trials' files together to a store, in place of what is at `path`.

    Parameters
    ----------
    path : of the store; replaced only when the new one is complete
    trials : directory that `write_trial` wrote, by trial name; linked, not copied, where the file system can
    attributes : of the store; the schema version, each trial's digest and the fingerprint are added
    checksums : SHA-256 of the files in each trial's directory, by their names; computed unless given
    """
    digests = {}
    with replacing(path) as fresh:
        for trial, source in sorted(trials.items()):
            assemble(source / FILE, fresh / f"{trial}{SUFFIX}")
            digests[trial] = sha256_file(source / FILE) if checksums is None else checksums[trial][FILE]
        lines = "".join(f"{trial}\0{digest}\n" for trial, digest in digests.items())
        fingerprint = hashlib.sha256(lines.encode()).hexdigest()
        complete = {"schema_version": SCHEMA_VERSION, **attributes, "trials": digests, "fingerprint": fingerprint}
        zarr.create_group(LocalStore(fresh), zarr_format=3, attributes=complete)


class FeatureStore:
    """A store opened for reading.

    Attributes
    ----------
    path : where it is
    attributes : what was recorded of backbone, weights and front end
    trials : names, sorted
    """

    def __init__(self, path: Path, group: zarr.Group) -> None:
        self.path = path
        self.attributes: dict[str, Any] = dict(group.attrs)
        self.trials = tuple(sorted(child.name.removesuffix(SUFFIX) for child in path.glob(f"*{SUFFIX}")))

    @classmethod
    def open(cls, path: Path) -> "FeatureStore":
        """Open the store at `path`.

        Raises
        ------
        InputError
            There is none, or it is of another schema version.
        """
        try:
            group = zarr.open_group(LocalStore(path, read_only=True), mode="r", zarr_format=3)
        except (FileNotFoundError, ValueError) as error:
            problem = Problem("no feature store here", file=str(path), remedy=_REMEDY)
            raise InputError("features", [problem]) from error
        version = group.attrs.get("schema_version")
        if version != SCHEMA_VERSION:
            problem = Problem(f"schema version {version}, expected {SCHEMA_VERSION}", file=str(path), remedy=_REMEDY)
            raise InputError("features", [problem])
        return cls(path, group)

    def check(self, expected: Iterable[str]) -> None:
        """Compare the trials with those that should be there.

        Raises
        ------
        InputError
            Naming every missing and every extra trial.
        """
        wanted, present = set(expected), set(self.trials)
        problems = [
            Problem("no features", file=str(self.path), trial=trial, remedy=_REMEDY)
            for trial in sorted(wanted - present)
        ]
        problems += [
            Problem("features without a clip", file=str(self.path), trial=trial, remedy=_REMEDY)
            for trial in sorted(present - wanted)
        ]
        if problems:
            raise InputError("features do not fit the clips", problems)

    def digest(self, trial: str) -> str:
        """Return the SHA-256 that identifies a trial's features, as it was when the store was put together.

        Raises
        ------
        InputError
            The store has no such trial.
        """
        digests: Mapping[str, str] = self.attributes["trials"]
        if trial not in digests:
            raise InputError("features", [Problem("no features", file=str(self.path), trial=trial, remedy=_REMEDY)])
        return digests[trial]

    def read(self, trial: str) -> Features:
        """Read one trial into memory, and compare its file with its digest.

        Raises
        ------
        InputError
            The trial is not there, or its file is missing, damaged, or not the one of `digest`.
        """
        digest = self.digest(trial)
        try:
            content = self.file(trial).read_bytes()
            arrays = read_arrays(content)
        except (OSError, ValueError) as error:
            raise self._damage(trial, str(error)) from error
        if hashlib.sha256(content).hexdigest() != digest:
            raise self._damage(trial, "it is not what the store's attributes say")
        return Features(**arrays)

    def read_valid(self, trial: str) -> npt.NDArray[np.bool_]:
        """Read which frames of a trial show a face or hold a sound, (t,), without the rest.

        Raises
        ------
        InputError
            The trial is not there, or the array is missing or damaged.
        """
        self.digest(trial)
        try:
            return read_array(self.file(trial), "valid")
        except (OSError, ValueError) as error:
            raise self._damage(trial, str(error)) from error

    def file(self, trial: str) -> Path:
        """Return the file of a trial, there or not."""
        return self.path / f"{trial}{SUFFIX}"

    def _damage(self, trial: str, message: str) -> InputError:
        problem = Problem(f"damaged: {message}", file=str(self.file(trial)), trial=trial, remedy=REPAIR)
        return InputError("features", [problem])
