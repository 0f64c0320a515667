"""A tiny project before and after each of its stages, and what a disturbed run of one of them has to end as."""

import json
import multiprocessing
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.readers.index import build_index, write_index
from pipeline.runtime.folders import leftovers
from pipeline.runtime.items import ItemCache
from pipeline.runtime.upkeep import damaged
from tests.corpus_factory import SERIAL, config_of, memory_in, write_corpus
from tests.faults.injection import Fault, run_disturbed
from tests.faults.ledger import CLEAR, EQUAL, FAULT

Step = tuple[str, ...]
STEPS: tuple[Step, ...] = (
    ("clips",),
    ("folds",),
    ("extract", "ir50"),
    ("extract", "vggish"),
    ("train", "grjca"),
    ("evaluate", "grjca"),
    ("finetune", "grjca"),
    ("ensemble", "both"),
    ("report",),
)
CLIPS, FOLDS, IR50, VGGISH, TRAIN, EVALUATE, FINETUNE, ENSEMBLE, REPORT = STEPS
SEED = "seed"
NARROW = {"channels": [4, 4]}
PARAMS: dict[str, Any] = {
    "corpus": {"kind": "affwild2", "root": "corpus", "index": "index.csv", "image_size": 16},
    "clips": {"face_size": 40},
    "folds": {"scheme": "subject", "count": 2},
    "backbones": {"ir50": {"weights": "random"}, "vggish": {"weights": "random", "batch": 256}},
    "training": {"window": 8, "hop": 4, "epochs": 3, "warm_up_epochs": 1, "gaps": "mask"},
    "models": {
        "grjca": {
            "fusion": "gated_joint_cross_attention",
            "streams": ["ir50", "vggish"],
            "temporal": "tcn",
            "encoders": {"visual": NARROW, "audio": NARROW},
            "options": {"iterations": 1, "hidden": 8},
        }
    },
    "finetune": {"warm_up_epochs": 0, "models": {"grjca": {"epochs": 1, "windows": 1}}},
    "ensembles": {"both": {"models": ["grjca", "grjca-finetuned"]}},
    "evaluate": {"top_folds": 1},
    "compute": {"engine": "serial", "device": "cpu", "numerics": "native"},
}


@dataclass(frozen=True)
class Ended:
    """How a stage ended: its exit status, negative after a signal, and what it printed."""

    code: int
    text: str


@dataclass(frozen=True)
class Project:
    """A project at `root` with its item cache, both in `folder`, and the undisturbed runs of all stages at `world`."""

    folder: Path
    world: Path
    ends: list[tuple[str, object]]

    @property
    def root(self) -> Path:
        return self.folder / "project"

    @property
    def cache(self) -> ItemCache:
        return ItemCache(self.folder / "cache")

    @property
    def whole(self) -> str:
        """Everything that a fault can be put below."""
        return str(self.folder)

    def start(self, step: Step, fault: Fault | None = None) -> "Running":
        """Start a stage, disturbed by a fault."""
        number = len(list(self.folder.glob("printed*.txt")))
        printed = self.folder / f"printed{number}.txt"
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["tests.faults.injection"])
        fault = fault or Fault(below=self.whole)
        process = context.Process(
            target=run_disturbed, args=(self.root, self.cache.root, step, printed, fault), name="-".join(step)
        )
        printed.touch()
        process.start()
        return Running(process, printed)

    def run(self, step: Step, fault: Fault | None = None) -> Ended:
        """Run a stage to its end."""
        return self.start(step, fault).end()

    def compute(self, **changes: object) -> None:
        """Change the section `compute`, which reaches no result."""
        params = yaml.safe_load((self.root / "params.yaml").read_text())
        params["compute"] |= changes
        (self.root / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))

    def operations(self, step: Step) -> int:
        """Return how many file operations the undisturbed stage had."""
        return int(json.loads((self.world / "counts.json").read_text())["-".join(step)])

    def again(self, *steps: Step) -> None:
        """Run stages undisturbed; the last of them must end with the bytes that it has without any fault."""
        texts = []
        for step in steps:
            ended = self.run(step)
            assert ended.code == 0, ended.text
            texts.append(ended.text)
        expected = outs(after(self.world, steps[-1]) / "project")
        found = outs(self.root)
        assert {path for path in expected if path not in found} == set()
        assert {path for path in found if path not in expected} == set()
        unequal = [path for path in expected if found[path] != expected[path]]
        assert unequal == [], "\n".join([*unequal, *texts])
        assert damaged(self.cache) == {}
        assert leftovers(self.cache.root / "tmp") == []

    def equal(self, *steps: Step) -> None:
        """Hold that a further run of `steps` ends with equal bytes, and count the fault as one that does."""
        self.again(*steps)
        self.ends.append((FAULT, EQUAL))

    def clear(self, ended: Ended, *words: str) -> None:
        """Hold that a run ended with a message that holds some words, and no traceback; count the fault so."""
        assert ended.code == 1, ended.text
        assert "Traceback" not in ended.text, ended.text
        assert "error: " in ended.text
        message = ended.text.partition("error: ")[2]
        assert [word for word in ("->", *words) if word not in message] == [], ended.text
        self.ends.append((FAULT, CLEAR))


@dataclass(frozen=True)
class Running:
    """A stage that is running."""

    process: Any
    printed: Path

    def end(self) -> Ended:
        self.process.join()
        return Ended(self.process.exitcode, self.printed.read_text())


def outs(root: Path) -> dict[str, bytes]:
    """Return every file that stages wrote, leftovers of work too."""
    places = ("data", "models", "predictions", "metrics", "plots", "reports")
    paths = (path for place in places for path in (root / place).rglob("*"))
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in paths if path.is_file()}


def before(world: Path, step: Step) -> Path:
    """Return where the project and its cache are as they were before a stage."""
    return world / f"{STEPS.index(step):02}"


def after(world: Path, step: Step) -> Path:
    """Return where they are as they were after it."""
    return world / f"{STEPS.index(step) + 1:02}"


def build_world(world: Path) -> None:
    """Make a project, and keep it as it is before and after each stage."""
    folder = world / "00"
    root = folder / "project"
    write_corpus(root / "corpus")
    (root / "params.yaml").write_text(yaml.safe_dump(PARAMS, sort_keys=False))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        config = config_of(Path("corpus"), index="index.csv")
        write_index(Path("index.csv"), build_index(config, memory=memory_in(folder), executor=SERIAL))
    (folder / "cache").mkdir()
    counts = {}
    for number, step in enumerate(STEPS, start=1):
        project = replace(copy(folder, world / f"{number:02}"), world=world)
        ended = project.run(step)
        assert ended.code == 0, ended.text
        (count,) = project.folder.glob("printed*.count")
        counts["-".join(step)] = int(count.read_text())
        for path in project.folder.glob("printed*"):
            path.unlink()
        folder = project.folder
    (world / "counts.json").write_text(json.dumps(counts))


def copy(source: Path, folder: Path, ends: list[tuple[str, object]] | None = None) -> Project:
    """Copy a project and its cache."""
    shutil.copytree(source, folder, dirs_exist_ok=True)
    return Project(folder, source.parent, [] if ends is None else ends)


def flip(path: Path, *, share: float = 0.5) -> None:
    """Change one byte, at a share of the file's length."""
    data = bytearray(path.read_bytes())
    data[round(share * (len(data) - 1))] ^= 0xFF
    rewrite(path, bytes(data))


def truncate(path: Path, *, share: float = 0.5) -> None:
    """Keep only the beginning of a file."""
    data = path.read_bytes()
    rewrite(path, data[: int(share * len(data))])


def empty(path: Path) -> None:
    """Leave a file without content, as some file systems do after a loss of power."""
    rewrite(path, b"")


def rewrite(path: Path, data: bytes) -> None:
    """Put other bytes into the file itself, so that what is linked to it changes, too."""
    path.chmod(0o644)
    path.write_bytes(data)


def one(paths: Sequence[Path]) -> Path:
    """Return the first of some paths, by name."""
    return sorted(paths)[0]
