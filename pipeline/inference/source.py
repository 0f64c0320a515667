"""Where a trained model comes from: ``models/<name>`` of a repository, a folder, or a file of `affectflow pack`.

No numeric library is imported here: the recipe says how they are to be loaded.
"""

import hashlib
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field

from pipeline.evaluation.config import EvaluateConfig
from pipeline.evaluation.runs import Run
from pipeline.models.recipe import RECIPE, Recipe, parse_recipe, read_recipe
from pipeline.runtime.errors import ConfigError, InputError, Problem
from pipeline.runtime.files import sha256_file
from pipeline.runtime.layout import FINETUNED, METRICS, MODELS
from pipeline.runtime.reading import reading
from pipeline.runtime.section import Section, nearest, read_yaml, validate

PARAMS = "params.yaml"
CHOICE = "choice.json"
"""Name of the entry of a packed model that says which folds are best."""

WHAT = "the model cannot be used"
LARGEST = 2**20
"""Bytes of a recipe."""


class Choice(Section):
    """Which folds predict, as the evaluation decided, and how they are combined."""

    best: tuple[int, ...] = Field(min_length=1)
    combine: Literal["mean", "ccc_centred"] = "mean"


@dataclass(frozen=True)
class ModelSource:
    """A trained model that was found.

    Parameters
    ----------
    path : folder with `RECIPE` and the networks, or a packed file
    recipe : what it needs
    choice : of folds; None where it was never evaluated
    weights : files of weights that params.yaml names, by their backbone
    """

    path: Path
    recipe: Recipe
    choice: Choice | None
    weights: Mapping[str, Path]

    @contextmanager
    def networks(self, work: Path) -> Iterator[dict[Run, Path]]:
        """Give the file of each trained network, checked; those of a packed file are unpacked into `work` meanwhile.

        Raises
        ------
        InputError
            A network is missing, or is not the one of the recipe.
        """
        folder = self.path
        if self.path.is_file():
            with (
                _reading(self.path, remedy="copy or pack it again"),
                zipfile.ZipFile(self.path) as archive,
            ):
                for name in self.recipe.networks:
                    archive.extract(archive.getinfo(name), work)
            folder = work
        problems = []
        for name, network in self.recipe.networks.items():
            path = folder / name
            if not path.is_file():
                problems.append(Problem("missing", file=str(path), remedy=self._remedy))
            elif sha256_file(path) != network.sha256:
                problems.append(Problem(f"not the network of {RECIPE}", file=str(path), remedy=self._remedy))
        if problems:
            raise InputError(WHAT, problems)
        try:
            yield {Run(one.fold, one.repeat): folder / name for name, one in self.recipe.networks.items()}
        finally:
            if folder is work:
                for name in self.recipe.networks:
                    (work / name).unlink(missing_ok=True)

    @property
    def folds(self) -> tuple[int, ...]:
        """Numbers of the folds, in order."""
        return tuple(sorted({network.fold for network in self.recipe.networks.values()}))

    def choose(self, fold: str) -> Choice:
        """Return the folds that predict.

        Parameters
        ----------
        fold : ``best`` (those that predict the test trials), ``all``, or the number of one

        Raises
        ------
        ConfigError
            There is no such fold, or nothing says which are the best.
        """
        if fold == "best":
            if self.choice is None:
                remedy = f"run `affectflow run {_stage(self.recipe.model, 'evaluate')}`, or give `--fold all`"
                raise ConfigError(f"{self.path}: it was never evaluated, so no fold is known as the best -> {remedy}")
            if not set(self.choice.best) <= set(self.folds):
                remedy = f"run `affectflow run {_stage(self.recipe.model, 'evaluate')}`"
                raise ConfigError(f"{self.path}: its evaluation is of other folds than there are -> {remedy}")
            return self.choice
        combine = self.choice.combine if self.choice else "mean"
        if fold == "all":
            return Choice(best=self.folds, combine=combine)
        if not fold.isdecimal() or int(fold) not in self.folds:
            known = ", ".join(map(str, self.folds))
            raise ConfigError(f"--fold {fold}: give best, all, or one of the folds {known}")
        return Choice(best=(int(fold),), combine=combine)

    @property
    def _remedy(self) -> str:
        if self.path.is_file():
            return "copy or pack it again"
        return f"run `affectflow run {_stage(self.recipe.model, 'train')}`"


def locate(model: str, *, root: Path = Path()) -> ModelSource:
    """Find a model by its name in params.yaml, its folder, or its packed file.

    Parameters
    ----------
    model : as the user wrote it
    root : of the repository, where names are looked up

    Raises
    ------
    InputError
        There is no such model, it is not trained yet, or it is damaged.
    """
    given = Path(model)
    named = root / MODELS / model
    if given.is_file():
        return _packed(given)
    if "/" not in model and named.is_dir():
        return _of_folder(named, root)
    if given.is_dir():
        return _of_folder(given, given.absolute().parent.parent)
    raise InputError("no such model", [_unknown(model, root)])


def _reading(path: Path, *, remedy: str) -> AbstractContextManager[None]:
    """Read what a user hands over: no stage makes it again where it is damaged."""
    return reading(path, what=WHAT, remedy=remedy, damaged=remedy)


def _packed(path: Path) -> ModelSource:
    with _reading(path, remedy="give a file that `affectflow pack` wrote"):
        if not zipfile.is_zipfile(path):
            raise ValueError("it is no packed model")
        with zipfile.ZipFile(path) as archive:
            recipe = parse_recipe(_entry(archive, RECIPE))
            entry = CHOICE in archive.namelist()
            choice = Choice.model_validate_json(_entry(archive, CHOICE)) if entry else None
            _check_names(recipe.networks)
            return ModelSource(path, recipe, choice, {})


def _entry(archive: zipfile.ZipFile, name: str) -> bytes:
    if archive.getinfo(name).file_size > LARGEST:
        raise ValueError(f"{name} is larger than {LARGEST} bytes")
    return archive.read(name)


def _check_names(networks: Mapping[str, object]) -> None:
    wrong = [name for name in networks if Path(name).name != name or not name.endswith(".safetensors")]
    if wrong or not networks:
        raise ValueError(f"its recipe names {', '.join(wrong) or 'no networks'}")


def _of_folder(folder: Path, root: Path) -> ModelSource:
    recipe = read_recipe(folder / RECIPE)
    with _reading(folder / RECIPE, remedy="run `dvc repro` for its train stage"):
        _check_names(recipe.networks)
    if (folder / CHOICE).is_file():  # an unpacked model
        with _reading(folder / CHOICE, remedy="unpack it again"):
            return ModelSource(folder, recipe, Choice.model_validate_json((folder / CHOICE).read_bytes()), {})
    metrics = root / METRICS / "evaluate" / f"{recipe.model}.json"
    choice = None
    params = read_yaml(root / PARAMS) if (root / PARAMS).is_file() else {}
    if metrics.is_file():
        combine = validate(EvaluateConfig, params.get("evaluate") or {}, at="evaluate").combine
        with _reading(metrics, remedy=f"run `affectflow run {_stage(recipe.model, 'evaluate')}`"):
            choice = Choice(best=tuple(json.loads(metrics.read_bytes())["best_folds"]), combine=combine)
    return ModelSource(folder, recipe, choice, _named_weights(params, root))


def _named_weights(params: Mapping[str, object], root: Path) -> dict[str, Path]:
    backbones = params.get("backbones")
    found = backbones.items() if isinstance(backbones, dict) else ()
    return {name: root / str(one["weights"]) for name, one in found if isinstance(one, dict) and "weights" in one}


def _unknown(model: str, root: Path) -> Problem:
    params = read_yaml(root / PARAMS) if (root / PARAMS).is_file() else None
    trained = sorted(path.parent.name for path in (root / MODELS).glob(f"*/{RECIPE}"))
    base = model.removesuffix(FINETUNED)
    if isinstance(params, dict) and base in (params.get("models") or {}):
        return Problem(
            f"the model {model!r} of {PARAMS} is not trained yet",
            remedy=f"run `affectflow run {_stage(model, 'evaluate')}`, which trains it and takes its time",
        )
    if isinstance(params, dict) and model in (params.get("ensembles") or {}):
        return Problem(f"{model!r} is an ensemble", remedy="predict with one of its members")
    if trained:
        tail = nearest(model, dict.fromkeys(trained))
        return Problem(f"{model!r} is no trained model, no folder and no file{tail}", remedy="give one of these")
    remedy = "run `make repro` in a clone first, or give the path of a file that `affectflow pack` wrote"
    return Problem(f"{model!r} is no folder and no file, and no model was trained here yet", remedy=remedy)


def _stage(model: str, kind: str) -> str:
    return f"finetune@{model.removesuffix(FINETUNED)}" if model.endswith(FINETUNED) else f"{kind}@{model}"


def pack(source: ModelSource, destination: Path, runs: Mapping[Run, Path]) -> None:
    """Write networks, recipe and choice of folds into one file; the same model gives the same bytes.

    Parameters
    ----------
    source : the model
    destination : file to write
    runs : its networks, as `ModelSource.networks` gives them
    """
    entries: list[tuple[str, bytes]] = [(RECIPE, _json(source.recipe))]
    if source.choice is not None:
        entries.append((CHOICE, _json(source.choice)))
    with zipfile.ZipFile(destination, "w", compression=zipfile.ZIP_STORED) as archive:
        for name, data in entries:
            archive.writestr(zipfile.ZipInfo(name), data)
        for run in sorted(runs):
            archive.writestr(zipfile.ZipInfo(run.file), runs[run].read_bytes())


def needed_files(recipe: Recipe) -> Sequence[tuple[str, str, str]]:
    """Return backbone, file name and SHA-256 of the weights that a model needs and does not bring."""
    streams = recipe.streams.values()
    return [(one.backbone, one.weights.name, one.weights.sha256) for one in streams if one.weights.sha256]


def identity(recipe: Recipe) -> str:
    """Return a SHA-256 that tells a model from others: that of its recipe, which has those of its networks."""
    return hashlib.sha256(_json(recipe)).hexdigest()


def _json(section: Section) -> bytes:
    return (json.dumps(section.model_dump(mode="json"), indent=2) + "\n").encode()
