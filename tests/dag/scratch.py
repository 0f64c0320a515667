"""A scratch repository of git and DVC with the working tree's files, a tiny demo corpus and tiny models."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
TRACKED = (
    ".dvc/.gitignore",
    ".dvc/config",
    ".dvc/plots",
    ".dvcignore",
    ".gitignore",
    "data/demo/dvc.yaml",
    "data/sample",
    "dvc.yaml",
    "pipeline",
    "presets",
    "stages",
)
DEMO = {
    "seed": 7,
    "trials": {"train": 4, "validation": 2, "test": 1},
    "seconds": 2.0,
    "picture": {"width": 160, "height": 120},
    "crop_size": 64,
    "sample_rate": 16000,
    "latent_period": 1.0,
    "noise": {"visual": {"valence": 0.6, "arousal": 1.1}, "audio": {"valence": 1.1, "arousal": 0.6}},
    "useless_share": 0.1,
}
PARAMS: dict[str, Any] = {
    "corpus": {
        "kind": "affwild2",
        "root": "data/demo/corpus",
        "index": "data/demo/index.csv",
        "image_size": 64,
        "targets": {"valence": [-1, 1], "arousal": [-1, 1]},
        "sample": None,
    },
    "clips": {"face_size": 40},
    "folds": {"scheme": "subject", "count": 2},
    "backbones": {
        "ir50": {"weights": "random", "seed": 0},
        "vggish": {"weights": "random", "seed": 0, "batch": 256},
    },
    "training": {
        "window": 24,
        "hop": 12,
        "gaps": "mask",
        "epochs": 2,
        "warm_up": "linear",
        "warm_up_epochs": 1,
        "learning_rate": 0.001,
    },
    "models": {
        "visual": {
            "fusion": "unimodal",
            "streams": ["ir50", "ir50"],
            "temporal": "tcn",
            "encoders": {"visual": {"channels": [8, 8]}},
        },
        "grjca": {
            "fusion": "gated_joint_cross_attention",
            "streams": ["ir50", "vggish"],
            "temporal": "tcn",
            "encoders": {"visual": {"channels": [8, 8]}, "audio": {"channels": [8, 8]}},
            "options": {"iterations": 1},
        },
    },
    "finetune": {"models": {}},
    "evaluate": {"top_folds": 1},
    "ensembles": {},
    "report": {"title": "scratch", "traces": 1},
    # One process at a time: starting workers would take longer than their work.
    "compute": {"engine": "serial", "device": "cpu", "numerics": "native"},
}
STAGES = {"clips", "evaluate@grjca", "evaluate@visual", "extract@ir50", "extract@vggish", "folds", "report"} | {
    "train@grjca",
    "train@visual",
}
DEMO_STAGE = "data/demo/dvc.yaml:demo"


@dataclass(frozen=True)
class Run:
    """How a command ended, and which stages it ran, or took from the run-cache."""

    code: int
    text: str

    @property
    def ran(self) -> set[str]:
        return set(re.findall(r"Running stage '([^']+)'", self.text))

    @property
    def restored(self) -> set[str]:
        return set(re.findall(r"Stage '([^']+)' is cached - skipping run", self.text))

    @property
    def computed(self) -> dict[str, int]:
        """How many items each piece of work computed, by its label."""
        found = re.findall(r"^(.+?): (\d+) items(?:, (\d+) of them cached)?$", self.text, flags=re.MULTILINE)
        return {label: int(total) - int(cached or 0) for label, total, cached in found}


@dataclass(frozen=True)
class Scratch:
    """The repository at `root`, whose item cache is at `cache`."""

    root: Path
    cache: Path

    def __call__(self, *command: str, ok: bool = True) -> Run:
        """Run a command of the environment in the repository."""
        done = subprocess.run(
            command, cwd=self.root, env=self.environment(), capture_output=True, text=True, check=False
        )
        text = done.stdout + done.stderr
        assert not ok or done.returncode == 0, f"{command} ended with {done.returncode}:\n{text}"
        return Run(done.returncode, text)

    def dvc(self, *arguments: str, ok: bool = True) -> Run:
        return self(sys.executable, "-m", "dvc", *arguments, ok=ok)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start DVC in a process group of its own, which Ctrl-C ends even where this process ignores it."""
        command = (
            "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"
        )
        return subprocess.Popen(
            [sys.executable, "-c", command, sys.executable, "-m", "dvc", *arguments],
            cwd=self.root,
            env=self.environment(),
            start_new_session=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def repro(self, *arguments: str, ok: bool = True) -> Run:
        return self.dvc("repro", *arguments, ok=ok)

    def git(self, *arguments: str) -> Run:
        return self("git", *arguments)

    def affectflow(self, *arguments: str, ok: bool = True) -> Run:
        return self(sys.executable, "-m", "pipeline.cli.app", *arguments, ok=ok)

    def commit(self, message: str) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)

    def environment(self) -> dict[str, str]:
        """Return variables that select the repository's own code, without this machine's settings of git and DVC."""
        settings = {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "PYTHONPATH": str(self.root),
            "AFFECTFLOW_CACHE": str(self.cache),
            "DVC_NO_ANALYTICS": "1",
            "DVC_GLOBAL_CONFIG_DIR": str(self.cache / "dvc"),
            "DVC_SYSTEM_CONFIG_DIR": str(self.cache / "dvc"),
            "DVC_SITE_CACHE_DIR": str(self.cache / "site"),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_AUTHOR_NAME": "A",
            "GIT_AUTHOR_EMAIL": "a@example.org",
            "GIT_COMMITTER_NAME": "A",
            "GIT_COMMITTER_EMAIL": "a@example.org",
        }
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("DVC_", "GIT_", "PYTEST_"))}
        return inherited | settings

    def params(self, path: str, value: object) -> None:
        """Change one value of params.yaml."""
        file = self.root / "params.yaml"
        data = yaml.safe_load(file.read_text())
        place: Any = data
        *sections, key = path.split(".")
        for section in sections:
            place = place.setdefault(section, {})
        place[key] = value
        file.write_text(yaml.safe_dump(data, sort_keys=False))

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace the first occurrence of a text in a file of the repository."""
        text = (self.root / file).read_text()
        assert old in text, f"{file} does not hold {old!r}"
        (self.root / file).write_text(text.replace(old, new, 1))

    @classmethod
    def at(cls, folder: Path) -> "Scratch":
        return cls(folder / "repository", folder / "cache")

    def copy(self, folder: Path) -> "Scratch":
        """Copy repository and cache, for a test to change."""
        copy = Scratch.at(folder)
        shutil.copytree(self.root, copy.root, symlinks=True)
        shutil.copytree(self.cache, copy.cache)
        return copy

    def outs(self) -> dict[str, bytes]:
        """Return every result by its path."""
        places = (
            "data/clips",
            "data/folds.json",
            "data/features",
            "models",
            "predictions",
            "reports",
            "metrics",
            "plots",
        )
        paths = [path for place in places for path in (self.root / place, *(self.root / place).rglob("*"))]
        return {path.relative_to(self.root).as_posix(): path.read_bytes() for path in paths if path.is_file()}


def create(folder: Path) -> Scratch:
    """Make the repository, with nothing computed yet."""
    scratch = Scratch.at(folder)
    scratch.cache.mkdir(parents=True)
    ignore = shutil.ignore_patterns("__pycache__")
    for name in TRACKED:
        target = scratch.root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target, ignore=ignore)
        else:
            shutil.copy(ROOT / name, target)
    (scratch.root / "params.yaml").write_text(yaml.safe_dump(PARAMS, sort_keys=False))
    (scratch.root / "data" / "demo" / "params.yaml").write_text(yaml.safe_dump({"demo": DEMO}, sort_keys=False))
    scratch.git("init", "--quiet", "--initial-branch=main")
    scratch.commit("start")
    return scratch
