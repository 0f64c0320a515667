"""`affectflow compare A B`: how two runs of a project differ, with intervals."""

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli.printing import Json, print_json, print_table

if TYPE_CHECKING:
    from pipeline.report.significance import Bootstrap

METRICS, FRAMES = "metrics/evaluate", "frames.h5"
P = "P"


@dataclass(frozen=True)
class Result:
    """One model of one run.

    Parameters
    ----------
    figures : mean over folds of the mean over repeats, of each target's CCC and of P
    draws : its bootstrap; None where its predictions are not there
    """

    figures: Mapping[str, float]
    draws: "Bootstrap | None"


@dataclass(frozen=True)
class Compared:
    """One figure of one model in two runs.

    Parameters
    ----------
    model, figure : which
    a, b : its value in either run; None where that run has no such model or target
    difference : of b from a
    low, high : 95 % interval of the difference, both runs drawn on the same trials; None where they cannot be
    note : why there is no interval
    """

    model: str
    figure: str
    a: float | None
    b: float | None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    note: str = ""

    @property
    def clear(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def compare(
    a: Annotated[str, typer.Argument(help="A folder with results (. for this one), or a git revision.")],
    b: Annotated[str, typer.Argument(help="The other one; differences are B less A.")],
    model: Annotated[list[str] | None, typer.Option("--model", help="Only this model; can be repeated.")] = None,
    as_json: Annotated[bool, Json] = False,
) -> None:
    """Show how CCC and P of each model differ between two runs, with paired 95 % intervals.

    Figures come from metrics/evaluate, predictions of a revision from DVC's cache or remote. The interval is that of
    the report: trials, and repeats where there are several, are drawn alike for both runs. It needs both runs'
    predictions on the same trials in the same folds. Exits with 1 where there is nothing to compare.

    Example: `affectflow compare HEAD~1 . --model grjca`
    """
    from pipeline.runtime.errors import AffectflowError

    first, second = (read_run(where, only=model) for where in (a, b))
    if not first.keys() & second.keys():
        names = [f"{where} has {', '.join(found) or 'none'}" for where, found in ((a, first), (b, second))]
        raise AffectflowError(f"there is no model with results in both runs: {'; '.join(names)}")
    rows = list(compared(first, second))
    if as_json:
        print_json([{**asdict(row), "clear": row.clear} for row in rows])
        return
    cells = [
        (row.model, row.figure, _number(row.a), _number(row.b), _signed(row.difference), _interval(row)) for row in rows
    ]
    print_table(("model", "figure", f"A: {a}", f"B: {b}", "B less A", "95 % interval"), cells)
    typer.echo("* the interval leaves out zero: the order does not depend on which trials were held out")


def read_run(where: str, *, only: Sequence[str] | None = None) -> dict[str, Result]:
    """Read a run's models from a folder or a git revision.

    Raises
    ------
    AffectflowError
        `where` is neither, or has no results.
    """
    from pipeline.runtime.errors import AffectflowError

    folder = Path(where)
    if folder.is_dir():
        # reports/ and metrics/ are folders of a run, too.
        root = next((one for one in (folder, folder.parent) if (one / METRICS).is_dir()), None)
        if root is None:
            raise AffectflowError(f"{where}: there is no {METRICS} in it -> run `affectflow run` there")
        texts = {path.stem: path.read_text(encoding="utf-8") for path in sorted((root / METRICS).glob("*.json"))}
        frames = {name: root / "predictions" / name / FRAMES for name in texts}
        return {name: _result(where, name, texts[name], frames[name]) for name in _chosen(texts, only)}
    revision = _git("rev-parse", "--verify", "--quiet", f"{where}^{{commit}}")
    if revision is None:
        raise AffectflowError(f"{where}: neither a folder nor a revision of git")
    listed = (_git("ls-tree", "--name-only", revision.strip(), f"{METRICS}/") or "").splitlines()
    texts = {Path(path).stem: _git("show", f"{revision.strip()}:{path}") or "" for path in listed}
    if not texts:
        raise AffectflowError(f"{where}: this revision has no {METRICS}")
    results = {}
    for name in _chosen(texts, only):
        with _fetched(revision.strip(), f"predictions/{name}/{FRAMES}") as path:
            results[name] = _result(where, name, texts[name], path)
    return results


def _chosen(names: Mapping[str, Any], only: Sequence[str] | None) -> list[str]:
    return [name for name in names if not only or name in only]


def _git(*arguments: str) -> str | None:
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else None


@contextmanager
def _fetched(revision: str, path: str) -> Iterator[Path]:
    """Give a copy of a file of DVC as a revision has it; no file is at the path where DVC has none."""
    import dvc.api
    from dvc.exceptions import DvcException

    with TemporaryDirectory() as folder:
        copy = Path(folder) / Path(path).name
        try:
            copy.write_bytes(dvc.api.read(path, rev=revision, mode="rb"))
        except (DvcException, OSError):
            copy.unlink(missing_ok=True)
        yield copy


def _result(where: str, name: str, metrics: str, frames: Path) -> Result:
    from pipeline.evaluation.predictions import read_frames
    from pipeline.report.significance import bootstrap
    from pipeline.runtime.errors import InputError, Problem

    try:
        figures = mean_figures(json.loads(metrics))
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        problem = Problem(f"not the scores of this version: {error}", file=f"{where}: {METRICS}/{name}.json")
        raise InputError("unusable scores", [problem]) from error
    if not frames.is_file():
        return Result(figures, None)
    read = read_frames(frames, attention=False)
    return Result(figures, bootstrap(list(read.validation.values()), targets=read.targets))


def mean_figures(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Return the mean over folds of the mean over repeats, of each target's CCC and of P."""
    of_folds: dict[str, list[float]] = {}
    for figures in metrics["folds"].values():
        repeats = list(figures.get("repeats", {"0": figures}).values())
        for name, value in repeats[0].items():
            if name == P or isinstance(value, Mapping):
                values = [float(one[name]) if name == P else float(one[name]["ccc"]) for one in repeats]
                of_folds.setdefault(name, []).append(sum(values) / len(values))
    targets = [name for name in of_folds if name != P]
    return {name: sum(of_folds[name]) / len(of_folds[name]) for name in (*targets, P)}


def compared(first: Mapping[str, Result], second: Mapping[str, Result]) -> Iterator[Compared]:
    """Yield each figure of each model that either run has."""
    for model in [*first, *(name for name in second if name not in first)]:
        a, b = first.get(model), second.get(model)
        if a is None or b is None:
            figures = (a or b or Result({}, None)).figures
            for figure, value in figures.items():
                note = "only in A" if b is None else "only in B"
                yield Compared(model, figure, value if a else None, value if b else None, note=note)
            continue
        for figure in [*a.figures, *(one for one in b.figures if one not in a.figures)]:
            yield _compared(model, figure, a, b)


def _compared(model: str, figure: str, a: Result, b: Result) -> Compared:
    before, after = a.figures.get(figure), b.figures.get(figure)
    if before is None or after is None:
        return Compared(model, figure, before, after, note="other targets")
    row = Compared(model, figure, before, after, difference=after - before)
    if a.draws is None or b.draws is None:
        missing = " and ".join(name for name, one in (("A", a), ("B", b)) if one.draws is None)
        return Compared(**{**asdict(row), "note": f"no predictions of {missing} here"})
    if a.draws.trials != b.draws.trials:
        return Compared(**{**asdict(row), "note": "other trials or folds"})
    interval = b.draws.difference(a.draws, figure)
    return Compared(**{**asdict(row), "low": interval.low, "high": interval.high})


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _signed(value: float | None) -> str:
    return "" if value is None else f"{value:+.3f}"


def _interval(row: Compared) -> str:
    if row.low is None or row.high is None:
        return row.note
    return f"{row.low:+.3f} to {row.high:+.3f}{' *' if row.clear else ''}"
