"""A trained model made ready to predict recordings: its weights found, its front ends compared, its folds chosen."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pipeline.backbones.common.embed import Precision
from pipeline.backbones.common.interface import available_backbones, check_weights, load_backbone
from pipeline.backbones.common.weights import Weights
from pipeline.evaluation.evaluate import Combined, Predicted, combine_folds
from pipeline.evaluation.prediction_file import read_predictions
from pipeline.evaluation.runs import Run
from pipeline.inference.features import Plan, embed_piece, plan_pieces
from pipeline.inference.networks import NetworkTask, predict_network
from pipeline.inference.recording import Recording
from pipeline.inference.source import WHAT, Choice, ModelSource
from pipeline.models.recipe import Recipe, StreamRecipe
from pipeline.runtime.errors import InputError, Problem
from pipeline.runtime.executor import Executor, run
from pipeline.runtime.files import sha256_file
from pipeline.runtime.precision import resolve_precision
from pipeline.runtime.progress import Progress

T = TypeVar("T")

WORTH_WORKERS = 3
"""Pieces from which starting worker processes, some seconds each, saves time."""


@dataclass(frozen=True)
class Predictor:
    """A model with everything that it needs.

    Parameters
    ----------
    recipe : of the model
    choice : which folds predict, the best first
    runs : file of each of their networks
    weights : of the backbones, by role
    executor : on what it runs
    fast : whether networks compute in the fastest precision instead of the one that the model was trained on
    """

    recipe: Recipe
    choice: Choice
    runs: Mapping[Run, Path]
    weights: Mapping[str, Weights]
    executor: Executor
    fast: bool = False

    def predict(self, recording: Recording, work: Path, *, name: str) -> list[Combined]:
        """Predict each person of a recording, in order.

        Parameters
        ----------
        recording : as `read_recording` made it for this model
        work : folder for what is in between
        name : of the video, for the progress lines
        """
        plan = self.plan(recording, work)
        unique = {piece.out: piece for pieces in plan.values() for piece in pieces}
        # A sound is one long piece: it begins first, and the others fill the cores beside it.
        pieces = sorted(unique.values(), key=lambda piece: piece.first - piece.last)
        self._run(embed_piece, pieces, label=f"{name}: embed", what="pieces")
        return self.ask(recording, plan, work, name=name)

    def plan(self, recording: Recording, work: Path) -> Plan:
        """Return the pieces to embed; none for a fine-tuned model, whose backbones belong to each fold."""
        if self.recipe.kind == "fine-tuned":
            return {}
        return plan_pieces(
            recording.people, self.recipe.streams, weights=self.weights, precision=self._precision, work=work
        )

    def ask(self, recording: Recording, plan: Plan, work: Path, *, name: str) -> list[Combined]:
        """Predict each person from pieces that are embedded."""
        tasks = {
            (place, run): NetworkTask(
                network=path,
                kind=self.recipe.kind,
                clip=person.clip,
                pieces={role: pieces for (owner, role), pieces in plan.items() if owner == place},
                weights={stream.backbone: self.weights[role] for role, stream in self.recipe.streams.items()},
                out=work / f"said-{place}-{run.file}",
            )
            for run, path in self.runs.items()
            for place, person in enumerate(recording.people)
        }
        self._run(predict_network, list(tasks.values()), label=f"{name}: predict", what="networks")
        return [
            self._combined({run: tasks[place, run].out for run in self.runs}) for place in range(len(recording.people))
        ]

    def _combined(self, folders: Mapping[Run, Path]) -> Combined:
        said: dict[int, list[Predicted]] = {fold: [] for fold in self.choice.best}
        for run_ in sorted(folders):
            found = read_predictions(folders[run_])
            said[run_.fold].append(Predicted(found.predictions, found.attention))
        return combine_folds(said, ranges=self.recipe.targets, how=self.choice.combine)

    def _precision(self, stream: StreamRecipe) -> Precision:
        return resolve_precision("auto", self.executor) if self.fast else stream.precision

    def _run(self, function: Callable[[T], None], items: Sequence[T], *, label: str, what: str) -> None:
        executor = self.executor
        if not items:
            return
        if len(items) < WORTH_WORKERS and not (self.recipe.kind == "fine-tuned" and len(items) > 1):
            executor = Executor("serial", device=executor.device, numerics=executor.numerics)
        with Progress(label, total=len(items), what=what) as progress:
            for result in run(function, items, executor=executor, name=lambda item: label):
                if result.error is not None:
                    raise result.error
                progress.advance()


def check_recipe(recipe: Recipe) -> None:
    """Compare a recipe with the backbones of this version.

    Raises
    ------
    InputError
        A backbone is not there, or prepares its inputs in another way than when the model was trained.
    """
    problems = []
    for role, stream in recipe.streams.items():
        if stream.backbone not in available_backbones():
            known = ", ".join(available_backbones())
            remedy = f"add it to pipeline/backbones, or use a model of {known}"
            problems.append(Problem(f"{role}: there is no backbone {stream.backbone!r} here", remedy=remedy))
            continue
        package = load_backbone(stream.backbone)
        now = {"front_end": package.FRONT_END, "dimension": package.DIMENSION, "modality": package.MODALITY}
        for name, value in now.items():
            before = getattr(stream, name)
            if json.dumps(value, sort_keys=True) != json.dumps(before, sort_keys=True):
                message = f"{role}: {stream.backbone} was trained on with the {name} {_differing(before, value)}"
                remedy = "use the version of affectflow that trained it, or train it again"
                problems.append(Problem(message, remedy=remedy))
    if problems:
        raise InputError(WHAT, problems)


def _differing(before: Any, now: Any) -> str:
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        names = sorted({*before, *now})
        return "; ".join(
            f"{name} {before.get(name)}, now {now.get(name)}" for name in names if _differ(before, now, name)
        )
    return f"{before}, now {now}"


def _differ(before: Mapping[str, Any], now: Mapping[str, Any], name: str) -> bool:
    return json.dumps(before.get(name)) != json.dumps(now.get(name))


def find_weights(source: ModelSource, folders: Sequence[Path]) -> dict[str, Weights]:
    """Return the weights of each role: rebuilt from their seed, or a file with the recipe's SHA-256.

    Parameters
    ----------
    source : the model
    folders : where files are looked for, beside those of params.yaml

    Raises
    ------
    InputError
        A file is not found, or is another one.
    """
    found: dict[str, Weights] = {}
    problems = []
    for role, stream in source.recipe.streams.items():
        wanted = stream.weights
        if wanted.sha256 is None:
            found[role] = Weights(seed=wanted.seed or 0)
            continue
        named = source.weights.get(stream.backbone)
        candidates = [*([named] if named else []), *(folder / wanted.name for folder in folders)]
        files = [path for path in candidates if path.is_file()]
        fitting = [path for path in files if sha256_file(path) == wanted.sha256.lower()]
        if fitting:
            found[role] = Weights(path=fitting[0], sha256=wanted.sha256)
            continue
        message = f"{stream.backbone} needs its weights {wanted.name} with SHA-256 {wanted.sha256}"
        message += "".join(f"; {path} is another file" for path in files)
        remedy = f"put the file into {folders[0]}, or name its folder with --weights"
        problems.append(Problem(message, remedy=remedy))
    if problems:
        raise InputError("weights are missing", problems)
    for role, weights in found.items():
        check_weights(source.recipe.streams[role].backbone, weights)
    return found
