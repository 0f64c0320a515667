"""Where the figures come from: corpus, alignment, weights, feature stores, parameters and libraries."""

import csv
import hashlib
import platform
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from io import StringIO
from pathlib import Path

from ruamel.yaml import YAML

from pipeline.clips.manifest import ALIGNMENT, MANIFEST, REJECTED, ManifestRow, read_manifest
from pipeline.clips.partition import PARTITIONS
from pipeline.config import Params
from pipeline.features.store import FeatureStore
from pipeline.runtime.errors import InputError, Problem
from pipeline.runtime.processor import processor_name

LIBRARIES = ("torch", "torchaudio", "numpy", "scipy", "opencv-python", "av", "soxr", "h5py", "zarr", "matplotlib")
"""Those whose work is on the page. Our own version counts commits: the page would differ after each of them."""


@dataclass(frozen=True)
class Partition:
    """How much of the corpus one partition holds."""

    name: str
    trials: int
    frames: int


@dataclass(frozen=True)
class Store:
    """One feature store: its weights in words, its dimension, and the fingerprint of all that it depends on."""

    backbone: str
    weights: str
    dimension: int
    fingerprint: str


@dataclass(frozen=True)
class Repaired:
    """One thing that alignment did: in how many trials, and to how many frames, rows or images (0 if not counted)."""

    what: str
    trials: int
    units: int


@dataclass(frozen=True)
class Provenance:
    """Everything needed to say what was computed from what."""

    root: str
    kind: str
    index_digest: str
    partitions: tuple[Partition, ...]
    rejected: tuple[str, ...]
    alignment: tuple[Repaired, ...]
    stores: tuple[Store, ...]
    numerics: str
    libraries: tuple[tuple[str, str], ...]
    parameters: str

    @property
    def trials(self) -> int:
        """Trials of all partitions."""
        return sum(part.trials for part in self.partitions)

    @property
    def official_split(self) -> bool:
        """Whether the corpus has a validation partition, which fold 0 then validates on."""
        return any(part.trials for part in self.partitions if part.name == "validation")


def read_provenance(root: Path, params: Params) -> Provenance:
    """Collect the provenance from the outs of the stages before.

    Parameters
    ----------
    root : the project
    params : all parameters; those of `compute` on which no result depends are left out of the page

    Raises
    ------
    InputError
        Lists every file that is missing.
    """
    index = root / params.corpus.index
    clips = root / "data" / "clips"
    problems = [
        Problem("no such file", file=path.relative_to(root).as_posix(), remedy="run `dvc repro`")
        for path in (index, clips / ALIGNMENT)
        if not path.is_file()
    ]
    if problems:
        raise InputError("the report lacks results of earlier stages", problems)
    return Provenance(
        root=params.corpus.root,
        kind=params.corpus.kind,
        index_digest=hashlib.sha256(index.read_bytes()).hexdigest(),
        partitions=_partitions(read_manifest(clips / MANIFEST)),
        rejected=tuple(dict.fromkeys(row["trial"] for row in _rows(clips / REJECTED))),
        alignment=summarise_alignment(row["done"] for row in _rows(clips / ALIGNMENT)),
        stores=tuple(_store(name, root / "data" / "features" / f"{name}.zarr") for name in params.backbones),
        numerics=_numerics(params.compute.numerics),
        libraries=(
            # Without the names of builds (2.13.0+cpu) and of patches, which reach no result.
            ("Python", ".".join(platform.python_version_tuple()[:2])),
            *((name, version(name).partition("+")[0]) for name in LIBRARIES),
        ),
        parameters=_parameters(params),
    )


def _numerics(numerics: str) -> str:
    """Say what the figures depend on besides their inputs; a processor is named only where it matters."""
    if numerics == "portable":
        return "Portable: every x86-64 processor with AVX2 gives these figures, to the last bit."
    return (
        "Native: the last bits of figures depend on the processors that computed them, and training can carry that on. "
        f"This page was written on {processor_name()}."
    )


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _partitions(manifest: Sequence[ManifestRow]) -> tuple[Partition, ...]:
    found = []
    for name in PARTITIONS:
        frames = [row.frames for row in manifest if row.partition == name]
        found.append(Partition(name, trials=len(frames), frames=sum(frames)))
    return tuple(found)


def summarise_alignment(done: Iterable[str]) -> tuple[Repaired, ...]:
    """Count what was done, over trials.

    Parameters
    ----------
    done : the column of alignment.csv: steps joined by semicolons, most of them beginning with a count, or ``nothing``
    """
    trials: Counter[str] = Counter()
    units: Counter[str] = Counter()
    for text in done:
        steps = [_STEP.fullmatch(step) for step in text.split("; ") if step != "nothing"]
        for step in filter(None, steps):
            trials[step["what"]] += 1
            units[step["what"]] += int(step["count"] or 0)
    return tuple(Repaired(what, trials[what], units[what]) for what in sorted(trials))


_STEP = re.compile(r"(?:(?P<count>\d+) )?(?P<what>.+)", re.DOTALL)


def _store(name: str, path: Path) -> Store:
    attributes = FeatureStore.open(path).attributes
    weights = attributes["weights"]
    identity = f"seed {weights['seed']}" if weights["name"] == "random" else f"SHA-256 {weights['sha256']}"
    return Store(
        backbone=name,
        weights=f"{weights['name']}, {identity}",
        dimension=int(attributes["dimension"]),
        fingerprint=str(attributes["fingerprint"]),
    )


def _parameters(params: Params) -> str:
    buffer = StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = None
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.width = 100
    yaml.dump(params.model_dump(mode="json", exclude={"compute": {"engine", "workers", "device"}}), buffer)
    return buffer.getvalue()
