"""`affectflow index` and `affectflow validate`: the corpus, and what can be known to be wrong before the work."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from pipeline.cli.printing import Json, print_json
from pipeline.cli.survey_table import SHOWN, print_survey, survey_rows

if TYPE_CHECKING:
    from pipeline.config import Params
    from pipeline.readers.index import Survey
    from pipeline.runtime.errors import Problem


def index() -> None:
    """Read the corpus of params.yaml once and write its index, on which the DAG hangs; it belongs to git.

    Exits with 1 and every problem where the corpus cannot be used; no index is written then.

    Example: `affectflow index && git add data/*_index.csv`
    """
    from pipeline.config import load
    from pipeline.corpora.index_table import write_index
    from pipeline.readers.index import build_index
    from pipeline.readers.memory import FileMemory
    from pipeline.runtime.executor import Executor

    params = load()
    corpus = params.corpus
    rows = build_index(corpus, memory=FileMemory(), executor=Executor.from_config(params.compute))
    path = Path(corpus.index)
    before = path.read_bytes() if path.is_file() else None
    write_index(path, rows)
    parts = Counter(row.partition for row in rows)
    counts = ", ".join(f"{count} {part}" for part, count in sorted(parts.items()))
    subjects = len({row.subject for row in rows})
    state = "unchanged" if before == path.read_bytes() else "written; keep it in git"
    typer.echo(f"{path}: {len(rows)} trials ({counts}) of {subjects} subjects, {state}")


def validate(
    every: Annotated[bool, typer.Option("--all", help=f"Show all trials, however many; else {SHOWN} of them.")] = False,
    as_json: Annotated[bool, Json] = False,
) -> None:
    """Check params.yaml and the corpus before anything runs; exit 1 with every problem, its file or key, and a remedy.

    A corpus that a stage makes, as the demo's, may not be there yet: then params.yaml alone is checked.

    The table has a row per trial: frames and their rate, in how many of a few pictures a face was found (or how many
    crops there are), the length of the sound, and the rows of labels.

    Example: `affectflow validate --json | jq '.trials[] | select(.sound == 0)'`
    """
    from pipeline.runtime.errors import InputError

    checked = check_params()
    corpus = checked.corpus
    maker = made_by(Path(corpus.root))
    if not as_json:
        typer.echo("params.yaml: no problem found")
    if maker is not None and not Path(corpus.root).is_dir():
        if as_json:
            print_json({"corpus": corpus.root, "made_by": str(maker), "trials": [], "problems": [], "index": None})
        else:
            typer.echo(f"{corpus.root}: not there yet, `dvc repro` makes it ({maker})")
        return
    found, problems = check_corpus(checked)
    if as_json:
        index = str(found.changes(Path(corpus.index))) if Path(corpus.index).is_file() else None
        print_json(
            {
                "corpus": corpus.root,
                "made_by": None,
                "trials": survey_rows(found, problems),
                "problems": [asdict(problem) for problem in problems],
                "index": index,
            }
        )
        raise typer.Exit(1 if problems else 0)
    print_survey(found, problems, every=every)
    if problems:
        raise InputError(f"the corpus {corpus.root} cannot be used", problems)
    typer.echo(f"{corpus.root}: {len(found.rows)} trials, no problem found")
    if not Path(corpus.index).is_file():
        typer.echo(f"{corpus.index}: there is no index yet -> run `affectflow index`")
        return
    changes = found.changes(Path(corpus.index))
    typer.echo(f"{corpus.index} is older than the corpus: {changes} -> run `affectflow index`" if changes else changes)


def check_params() -> "Params":
    """Check all that params.yaml says by itself.

    Raises
    ------
    ConfigError
        Lists what is wrong, by its path.
    """
    from pipeline.checks import check_file
    from pipeline.runtime.errors import ConfigError

    params = check_file()
    faults = list(result_faults(params))
    if faults:
        raise ConfigError("\n".join(["params.yaml:", *(f"  {fault}" for fault in faults)]))
    return params


def check_corpus(params: "Params", *, look: bool = True) -> tuple["Survey", list["Problem"]]:
    """Survey the corpus once, and return what it holds and all that is wrong with it.

    Parameters
    ----------
    look : whether to look for a face in a few pictures of each video
    """
    from pipeline.corpora.config import RatedConfig
    from pipeline.media.detectors import resolve
    from pipeline.readers.index import survey
    from pipeline.readers.memory import FileMemory
    from pipeline.runtime.executor import Executor

    corpus = params.corpus
    search = resolve(corpus.faces) if isinstance(corpus, RatedConfig) else None
    executor = Executor.from_config(params.compute)
    found = survey(corpus, memory=FileMemory(), executor=executor, look=search if look else None)
    return found, [*found.problems, *fold_problems(params, found), *silent_problems(params, found)]


def silent_problems(params: "Params", found: "Survey") -> Iterator["Problem"]:
    """Yield each trial without sound, where models need sound."""
    from pipeline.backbones.common.interface import load_backbone
    from pipeline.runtime.errors import Problem

    hearing = [name for name in params.backbones if load_backbone(name).MODALITY == "audio"]
    models = [name for name, model in params.models.items() if set(model.streams) & set(hearing)]
    what = f"models {', '.join(models)}" if models else f"backbones {', '.join(hearing)}"
    remedy = "give the trial sound (column audio of a table), take it out of the corpus, or remove those models and "
    remedy += f"{', '.join(hearing)} from params.yaml"
    for row in found.rows:
        if hearing and found.facts.get(row.trial, {}).get("sound") == 0:
            yield Problem(f"there is no sound, and {what} need it", file=row.video, trial=row.trial, remedy=remedy)


def result_faults(params: "Params") -> Iterator[str]:
    """Describe keys and single streams that DVC misses, published rows of no table, and other files of weights.

    A file of weights that is not there is left to the stage that needs it: none does where the embeddings were pulled.
    """
    from pipeline.backbones.common.weights import Weights
    from pipeline.report.published import published_row
    from pipeline.runtime.errors import AffectflowError
    from pipeline.runtime.section import read_yaml

    written = read_yaml("params.yaml")
    for key in missing_keys(written):
        yield f"{key}: dvc.yaml follows this key, so it has to be written, if only with its default"
    for name, model in written["models"].items():
        if len(model["streams"]) == 1:
            twice = f"[{model['streams'][0]}, {model['streams'][0]}]"
            yield f"models.{name}.streams: write a single stream twice, {twice}: dvc.yaml names a second one"
    for name, model in params.evaluated().items():
        try:
            if model.published is not None:
                published_row(model.published)
        except AffectflowError as error:
            yield f"models.{name}.{error}"
    for name, backbone in params.backbones.items():
        try:
            weights = Weights.from_config(backbone)
            if weights.path is not None and weights.path.is_file():
                weights.check()
        except AffectflowError as error:
            yield f"backbones.{name}: {error}"


def missing_keys(params: Mapping[str, Any]) -> list[str]:
    """Return the keys that dvc.yaml names as parameters of its stages and that params.yaml leaves out, sorted."""
    from pipeline.runtime.section import read_yaml

    if not Path("dvc.yaml").is_file():
        return []
    named: set[str] = set()
    for stage in read_yaml("dvc.yaml")["stages"].values():
        keys = [*stage.get("do", stage).get("params", []), stage.get("foreach", "").strip("${}")]
        named |= {key for key in keys if key and "$" not in key}
    return sorted(key for key in named if not _holds(params, key.split(".")))


def _holds(params: object, path: Sequence[str]) -> bool:
    if not path:
        return True
    return isinstance(params, Mapping) and path[0] in params and _holds(params[path[0]], path[1:])


@dataclass(frozen=True)
class _Member:
    """What a fold needs to know of a trial; how many frames it has changes no count of folds."""

    trial: str
    partition: Literal["train", "validation", "test"]
    subject: str
    frames: int = 1


def fold_problems(params: "Params", found: "Survey") -> Iterator["Problem"]:
    """Yield what keeps the trials of a corpus from being split into the folds of params.yaml."""
    from pipeline.evaluation.folds import make_folds
    from pipeline.runtime.errors import InputError, Problem

    if not found.rows:
        remedy = f"see docs/corpora.md for the layout of {params.corpus.kind!r}, and correct corpus.root"
        yield Problem("there is no trial in it", file=params.corpus.root, remedy=remedy)
        return
    if found.problems:
        return
    try:
        members = [_Member(row.trial, row.partition, row.subject) for row in found.rows]
        make_folds(members, scheme=params.folds.scheme, count=params.folds.count)
    except InputError as error:
        yield from error.problems


def made_by(root: Path) -> Path | None:
    """Return the dvc.yaml of a folder above `root` that has it among its outs, None where there is none."""
    from pipeline.runtime.errors import ConfigError
    from pipeline.runtime.section import read_yaml

    for folder in root.parents:
        file = folder / "dvc.yaml"
        try:
            stages = read_yaml(file)["stages"].values() if file.is_file() else ()
            outs = {str(out) for stage in stages for out in stage.get("outs", ())}
        except (ConfigError, AttributeError, KeyError, TypeError):
            continue
        if root.as_posix() in outs:
            return file
    return None
