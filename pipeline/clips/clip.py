"""The clip: all that is known of one trial, on one time line, in one HDF5 file.

Legend: t frames, s pixels, n samples, k targets. The time line's zero is the first audio sample, so frame i is heard at
sample ``time[i] * sample_rate``.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from pipeline.clips.further_datasets import content_of, write_further
from pipeline.clips.partition import Partition
from pipeline.clips.target import Target
from pipeline.runtime.errors import InputError, Problem
from pipeline.runtime.hdf5 import create_hdf5, open_hdf5
from pipeline.runtime.reading import REPAIR, reading

SCHEMA = 1
REMEDY = "run `dvc repro clips`"


@dataclass(frozen=True)
class Clip:
    """One trial.

    Parameters
    ----------
    trial, subject, partition : as in the corpus index
    fps : mean frames per second; `time` says when each frame really is
    targets : what is annotated, in the order of the columns of `labels`
    time : (t,) float64, s
    faces : (t, s, s, 3) uint8, RGB; zeros where there is no face
    face_valid : (t,) bool
    audio : (n,) int16, mono
    sample_rate : hertz
    labels : (t, k) float32, NaN where un-annotated
    alignment : how frame, label and image counts differed and what was done
    sources : SHA-256 of each source file
    other_audio : the sound again at other rates, by hertz
    other_faces : the faces again in other sizes, by pixels, (t, size, size, 3) uint8

    Raises
    ------
    ValueError
        Lengths or types do not fit each other.
    """

    trial: str
    subject: str
    partition: Partition
    fps: float
    targets: tuple[Target, ...]
    time: NDArray[np.float64]
    faces: NDArray[np.uint8]
    face_valid: NDArray[np.bool_]
    audio: NDArray[np.int16]
    sample_rate: int
    labels: NDArray[np.float32]
    alignment: Mapping[str, Any]
    sources: Mapping[str, str]
    other_audio: Mapping[int, NDArray[np.int16]] = field(default_factory=dict)
    other_faces: Mapping[int, NDArray[np.uint8]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        frames, targets = len(self.time), len(self.targets)
        expected: dict[str, tuple[NDArray[Any], type[np.generic], tuple[int, ...]]] = {
            "time": (self.time, np.float64, (frames,)),
            "face_valid": (self.face_valid, np.bool_, (frames,)),
            "labels": (self.labels, np.float32, (frames, targets)),
            "audio": (self.audio, np.int16, (len(self.audio),)),
            "faces": (self.faces, np.uint8, (len(self.faces), *self.faces.shape[1:2] * 2, 3)),
        }
        for rate, samples in self.other_audio.items():
            expected[f"audio_{rate}"] = (samples, np.int16, (len(samples),))
        for size, pixels in self.other_faces.items():
            expected[f"faces_{size}"] = (pixels, np.uint8, (frames, size, size, 3))
        for name, (array, kind, shape) in expected.items():
            if array.dtype != kind or array.shape != shape:
                raise ValueError(
                    f"clip {self.trial}: {name} is {array.dtype} {array.shape}, expected {np.dtype(kind)} {shape}"
                )
        # A clip read without its faces has none.
        if len(self.faces) not in (0, frames):
            raise ValueError(f"clip {self.trial}: {len(self.faces)} faces for {frames} frames")

    def __len__(self) -> int:
        return len(self.time)

    @property
    def label_valid(self) -> NDArray[np.bool_]:
        """(t,) bool: whether at least one target of the frame is annotated."""
        valid: NDArray[np.bool_] = np.logical_not(np.isnan(self.labels).all(axis=1))
        return valid

    def media_digest(self) -> str:
        """Return the SHA-256 over what is seen and heard, without labels and without `other_digests`."""
        digest = hashlib.sha256()
        named: dict[str, NDArray[Any]] = {
            "time": self.time,
            "faces": self.faces,
            "face_valid": self.face_valid,
            "audio": self.audio,
        }
        for name, array in sorted(named.items()):
            _add(digest, name, array)
        return digest.hexdigest()

    def other_digests(self) -> dict[str, str]:
        """Return the SHA-256 of each further dataset by its name: `media_digest` does not change when one is added."""
        return {name: _digest(name, array) for name, array in self._others().items()}

    def labels_digest(self) -> str:
        """Return the SHA-256 over the labels."""
        digest = hashlib.sha256()
        _add(digest, "labels", self.labels)
        return digest.hexdigest()

    def content(self, datasets: Iterable[str]) -> str:
        """Return what identifies the parts that a feature of these `datasets` depends on, as the manifest does."""
        wanted = {name: _digest(name, array) for name, array in self._others().items() if name in set(datasets)}
        return content_of(self.media_digest(), write_further(wanted), datasets)

    def digest(self) -> str:
        """Return the SHA-256 over the whole content, whichever way the HDF5 library lays it out in a file."""
        digest = hashlib.sha256(self.media_digest().encode())
        digest.update("".join(self.other_digests().values()).encode())
        digest.update(json.dumps(self._attributes(), sort_keys=True).encode())
        digest.update(self.labels.tobytes())
        return digest.hexdigest()

    def _others(self) -> dict[str, NDArray[Any]]:
        sounds = {f"audio_{rate}": samples for rate, samples in sorted(self.other_audio.items())}
        return sounds | {f"faces_{size}": pixels for size, pixels in sorted(self.other_faces.items())}

    def _attributes(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "trial": self.trial,
            "subject": self.subject,
            "partition": self.partition,
            "fps": self.fps,
            "sample_rate": self.sample_rate,
            "targets": json.dumps([[target.name, target.low, target.high] for target in self.targets]),
            "sources": json.dumps(dict(self.sources), sort_keys=True),
            "alignment": json.dumps(dict(self.alignment), sort_keys=True),
        }


def write_clip(path: Path, clip: Clip) -> None:
    """Write a clip; the same clip gives the same bytes."""
    # The earliest file format keeps no times of creation anywhere.
    with create_hdf5(path, libver=("earliest", "v110")) as file:
        for name, value in clip._attributes().items():
            file.attrs[name] = value
        _write_checked(file, "time", clip.time)
        # Contiguous and uncompressed: pixels that come from JPEGs shrink by a tenth under gzip and not at all under
        # lzf, and a window of 300 frames would take 11 ms to read instead of 0.2.
        file.create_dataset("faces", data=clip.faces, track_times=False)
        _write_checked(file, "face_valid", clip.face_valid)
        file.create_dataset("audio", data=clip.audio, track_times=False)
        for name, array in clip._others().items():
            file.create_dataset(name, data=array, track_times=False)
        _write_checked(file, "labels", clip.labels)


def _write_checked(file: Any, name: str, array: NDArray[Any]) -> None:
    """Write what stages read without the rest of the clip, hence without its digest: with a checksum of its own."""
    options = {"chunks": array.shape, "fletcher32": True} if array.size else {}
    file.create_dataset(name, data=array, track_times=False, **options)


def _digest(name: str, array: NDArray[Any]) -> str:
    digest = hashlib.sha256()
    _add(digest, name, array)
    return digest.hexdigest()


def _add(digest: "hashlib._Hash", name: str, array: NDArray[Any]) -> None:
    digest.update(f"{name} {array.dtype.str} {array.shape}\0".encode())
    digest.update(np.ascontiguousarray(array).data)


def check_clip(path: Path, *, claimed: str, found: str) -> None:
    """Compare a clip's digest with the manifest's, from which the key of its features was made.

    Raises
    ------
    InputError
        They differ: the clip was damaged or edited since the clips stage wrote it.
    """
    if found != claimed:
        problem = Problem(
            "its content is not what data/clips/manifest.csv says",
            trial=path.stem,
            file=str(path),
            remedy=REPAIR,
        )
        raise InputError("a clip has changed", [problem])


def read_clip(path: Path, *, faces: bool = True, audio: bool = True, mapped: bool = False) -> Clip:
    """Read a clip, or all of it but the large parts: without `faces` or `audio` those arrays have length 0.

    Faces in other sizes, and all of them if `mapped`, are mapped from the file: only the frames that are used are read,
    and the file must not be written to meanwhile.

    The file is opened read-only: it may be a link into a cache.

    Raises
    ------
    InputError
        The file is missing, damaged, no clip of this schema version, or claims more than it holds.
    """
    with reading(path, what="a clip cannot be read", trial=path.stem, remedy=REMEDY), open_hdf5(path) as file:
        attributes = dict(file.attrs)
        if attributes.get("schema") != SCHEMA:
            raise ValueError(f"clip schema {attributes.get('schema')}, expected {SCHEMA}")
        targets = tuple(Target(name, low, high) for name, low, high in json.loads(attributes["targets"]))
        sounds = [name for name in sorted(file) if audio and name.startswith("audio_")]
        sizes = [name for name in sorted(file) if faces and name.startswith("faces_")]
        return Clip(
            trial=str(attributes["trial"]),
            subject=str(attributes["subject"]),
            partition=cast(Partition, str(attributes["partition"])),
            fps=float(attributes["fps"]),
            targets=targets,
            time=file["time"][:],
            faces=_faces(path, file["faces"], mapped=mapped) if faces else _faces_left_out(file["faces"]),
            face_valid=file["face_valid"][:],
            audio=file["audio"][:] if audio else np.zeros(0, dtype=np.int16),
            sample_rate=int(attributes["sample_rate"]),
            labels=file["labels"][:],
            alignment=json.loads(attributes["alignment"]),
            sources=json.loads(attributes["sources"]),
            other_audio={int(name.removeprefix("audio_")): file[name][:] for name in sounds},
            other_faces={int(name.removeprefix("faces_")): _mapped(path, file[name]) for name in sizes},
        )


def _faces(path: Path, dataset: Any, *, mapped: bool) -> NDArray[np.uint8]:
    return _mapped(path, dataset) if mapped else np.asarray(dataset[:], dtype=np.uint8)


def _faces_left_out(dataset: Any) -> NDArray[np.uint8]:
    return np.zeros((0, *dataset.shape[1:]), dtype=np.uint8)


def _mapped(path: Path, dataset: Any) -> NDArray[np.uint8]:
    offset = dataset.id.get_offset()
    if offset is None:  # an empty dataset has no place in the file
        return np.asarray(dataset[:], dtype=np.uint8)
    return np.asarray(np.memmap(path, dtype=np.uint8, mode="r", offset=offset, shape=dataset.shape))
