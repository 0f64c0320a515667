"""Trainings on the features of a finished `dvc repro` of the demo, and the page that their tables are put into."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

from pipeline.checks import check_file
from pipeline.config import Params
from pipeline.evaluation.folds import Fold, read_folds
from pipeline.evaluation.metrics import mean_and_sd
from pipeline.models.config import ModelConfig
from pipeline.runtime.errors import ConfigError
from pipeline.runtime.executor import Executor
from pipeline.runtime.items import ItemCache
from pipeline.runtime.layout import FOLDS
from pipeline.runtime.numerics import require_portable
from pipeline.training.frames import FrameTable
from pipeline.training.model import ModelTraining
from pipeline.training.stored_frames import StoredFrames

SEEDS = 5
PAGE = Path("docs/gating.md")


class Demo:
    """The demo's settings, folds and features.

    Parameters
    ----------
    workers : folds at a time; `compute.workers` unless given

    Raises
    ------
    ConfigError
        params.yaml is not the demo's, or numeric libraries were loaded without its numerics.
    """

    def __init__(self, *, workers: int | None = None) -> None:
        self.params: Params = check_file()
        missing = {"visual", "audio", "concatenation", "grjca"} - self.params.models.keys()
        if missing:
            raise ConfigError(
                f"params.yaml has no model {', '.join(sorted(missing))}; this needs the demo's params.yaml"
            )
        if self.params.compute.numerics == "portable":
            require_portable()
        executor = Executor.from_config(self.params.compute, device=True)
        self.executor = executor if workers is None else replace(executor, workers=workers)
        self.cache = ItemCache()
        self._folder = TemporaryDirectory()
        self._tables: dict[tuple[str, ...], FrameTable] = {}

    @cached_property
    def folds(self) -> tuple[Fold, ...]:
        """Which trials each fold trains and is validated on."""
        return tuple(read_folds(FOLDS).folds)

    def table(self, streams: Sequence[str]) -> FrameTable:
        """Return the features of some streams and the labels of all trials, read once."""
        key = tuple(streams)
        if key not in self._tables:
            trials = sorted({trial for fold in self.folds for trial in (*fold.train, *fold.validation)})
            folder = Path(self._folder.name) / "-".join(key)
            folder.mkdir()
            StoredFrames.of(key, trials).save(folder)
            self._tables[key] = FrameTable.open(folder)
        return self._tables[key]

    def train(
        self, name: str, model: ModelConfig, *, seeds: int = SEEDS, kind: Callable[..., ModelTraining] = ModelTraining
    ) -> list[list[Path]]:
        """Train what the cache does not hold; return the directory of each fold, seed by seed."""
        training = kind(
            name=name,
            model=model,
            training=self.params.training.model_copy(update={"repeats": seeds}),
            targets=self.params.corpus.targets,
            folds=self.folds,
            cache=self.cache,
            executor=self.executor,
        )
        paths = training.run(self.table(model.streams))
        return [[path for run, path in paths.items() if run.repeat == number] for number in range(seeds)]

    def rjca(self, *, iterations: int = 2) -> ModelConfig:
        """Return the demo's GRJCA without its gates: RJCA, or JCA with one iteration."""
        model, options = self.params.models["grjca"], {"iterations": iterations}
        return model.model_copy(update={"fusion": "joint_cross_attention", "options": options})


def pm(values: Sequence[float], *, digits: int = 3) -> str:
    """Write mean and standard deviation."""
    mean, sd = mean_and_sd(list(values))
    return f"{mean:.{digits}f} ± {sd:.{digits}f}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    return "\n".join(f"| {' | '.join(line)} |" for line in (header, ["---"] * len(header), *rows))


def fill(text: str, sections: Mapping[str, str]) -> str:
    """Put each section between its markers ``<!-- name -->`` and ``<!-- /name -->``.

    Raises
    ------
    ValueError
        A section has no markers.
    """
    for name, body in sections.items():
        parts = re.split(rf"(?<=<!-- {name} -->\n).*?(?=<!-- /{name} -->)", text, flags=re.DOTALL)
        if len(parts) != 2:
            raise ValueError(f"{PAGE} has {len(parts) - 1} places for {name}, expected one")
        text = f"{parts[0]}{body}\n{parts[1]}"
    return text
