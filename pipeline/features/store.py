"""The feature store: one Zarr v3 group per trial, whose bytes depend only on what was computed.

::

    data/features/ir50.zarr/        attributes: schema, backbone, weights, front end, digest of each trial, fingerprint
        <trial>/
            embedding               (frame, feature) float16 or float32; with several views (view, frame, feature)
            time                    (frame,) float64, s
            valid                   (frame,) bool: False where the clip holds no face or no sound

Each array is one shard file of uncompressed chunks, each with its CRC-32C: embeddings hardly compress (8 to 13 %), and
one file per array keeps a store of 500 videos at 3500 files. A trial group is an item of the item cache; a store is a
folder of them. The digest of a trial is over its files' checksums: what is read is compared with it.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import zarr
from zarr.codecs import Crc32cCodec
from zarr.storage import LocalStore

from pipeline.runtime.errors import InputError, Problem
from pipeline.runtime.files import assemble, replacing, sha256_file

SCHEMA_VERSION = 2
CHUNK_FRAMES = 1000
"""Most frames per chunk; a trial is cut into equal chunks, so that padding stays below one frame per chunk."""

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
    """Write one trial as a Zarr group.

    Parameters
    ----------
    directory : becomes the group
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
    with np.errstate(over="ignore"):
        kept = embedding.astype(store)
    finite = np.isfinite(kept).all(axis=1)
    if not finite.all():
        raise ValueError(f"embedding of frame {int(np.argmin(finite))} is not finite as {store}")
    group = zarr.create_group(LocalStore(directory), zarr_format=3, overwrite=True, attributes=dict(attributes))
    _write(group, "embedding", kept, ("frame", "feature"))
    _write(group, "time", time.astype(np.float64), ("frame",))
    _write(group, "valid", valid.astype(np.bool_), ("frame",))


def _write(group: zarr.Group, name: str, data: npt.NDArray[Any], dimensions: tuple[str, ...]) -> None:
    count = -(-len(data) // CHUNK_FRAMES)
    chunk = -(-len(data) // count)
    array = group.create_array(
        name,
        shape=data.shape,
        dtype=data.dtype,
        chunks=(chunk, *data.shape[1:]),
        shards=(chunk * count, *data.shape[1:]),
        filters=None,
        compressors=[Crc32cCodec()],
        fill_value=0,
        dimension_names=dimensions,
        # A chunk of zeros that is left out could not be told from a lost one.
        config={"write_empty_chunks": True},
    )
    array[...] = data


def assemble_store(
    path: Path,
    trials: Mapping[str, Path],
    *,
    attributes: Mapping[str, Any],
    checksums: Mapping[str, Mapping[str, str]] | None = None,
) -> None:
    """Put trial groups together to a store, in place of what is at `path`.

    Parameters
    ----------
    path : of the store; replaced only when the new one is complete
    trials : directory that `write_trial` wrote, by trial name; linked, not copied, where the file system can
    attributes : of the store; the schema version, each trial's digest and the fingerprint are added
    checksums : SHA-256 of each trial's files, by their paths in the directory; computed unless given
    """
    digests = {}
    with replacing(path) as fresh:
        for trial, source in sorted(trials.items()):
            assemble(source, fresh / trial)
            digests[trial] = _digest(_checksums(source) if checksums is None else checksums[trial])
        lines = "".join(f"{trial}\0{digest}\n" for trial, digest in digests.items())
        fingerprint = hashlib.sha256(lines.encode()).hexdigest()
        complete = {"schema_version": SCHEMA_VERSION, **attributes, "trials": digests, "fingerprint": fingerprint}
        zarr.create_group(LocalStore(fresh), zarr_format=3, attributes=complete)


def _checksums(directory: Path) -> dict[str, str]:
    files = sorted(file for file in directory.rglob("*") if file.is_file())
    return {file.relative_to(directory).as_posix(): sha256_file(file) for file in files}


def _digest(checksums: Mapping[str, str]) -> str:
    lines = "".join(f"{file}\0{checksum}\n" for file, checksum in sorted(checksums.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


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
        self.trials = tuple(sorted(child.parent.name for child in path.glob("*/zarr.json")))

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
        """Read one trial into memory, and compare its files with its digest.

        Raises
        ------
        InputError
            The trial is not there, or one of its files is missing, damaged, or not the one of `digest`.
        """
        digest = self.digest(trial)
        features = Features(
            embedding=self._array(trial, "embedding"),
            time=self._array(trial, "time"),
            valid=self._array(trial, "valid"),
        )
        if _digest(_checksums(self.path / trial)) != digest:
            raise self._damage(trial, self.path / trial, "it is not what the store's attributes say")
        return features

    def read_valid(self, trial: str) -> npt.NDArray[np.bool_]:
        """Read which frames of a trial show a face or hold a sound, (t,), without the rest.

        Raises
        ------
        InputError
            The trial is not there, or the array is missing or damaged.
        """
        self.digest(trial)
        return np.asarray(self._array(trial, "valid"))

    def _array(self, trial: str, name: str) -> Any:
        directory = self.path / trial / name
        try:
            array = zarr.open_array(LocalStore(directory, read_only=True), mode="r", zarr_format=3)
            shard = directory.joinpath("c", *["0"] * array.ndim)
            # Zarr reads a shard that is not there, or that is empty, as zeros.
            if shard.stat().st_size < array.nbytes:
                raise ValueError(f"{shard.stat().st_size} bytes are too few for {array.shape} {array.dtype}")
            return np.asarray(array[...])
        except (OSError, ValueError, KeyError) as error:
            raise self._damage(trial, directory, str(error)) from error

    def _damage(self, trial: str, path: Path, message: str) -> InputError:
        remedy = f"remove {self.path} and {_REMEDY}: the item cache still has the trial, or computes it again"
        return InputError("features", [Problem(f"damaged: {message}", file=str(path), trial=trial, remedy=remedy)])
