"""`affectflow predict` and `affectflow pack`: a trained model on videos of one's own, and in one file."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

Model = Annotated[str, typer.Option("--model", "-m", help="Name of a trained model, its folder, or a packed file.")]
Folder = Annotated[
    list[Path] | None,
    typer.Option("--weights", help="Folder to look for files of weights in; may be repeated. [data/weights]"),
]


class FaceName(StrEnum):
    """What `--face` takes."""

    LARGEST = "largest"
    EACH = "each"


class DeviceName(StrEnum):
    """What `--device` takes."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


def predict(
    videos: Annotated[list[Path], typer.Argument(help="Videos, or folders of videos.", show_default=False)],
    model: Model,
    fold: Annotated[str, typer.Option(help="best (as for test trials), all, or a number.")] = "best",
    out: Annotated[Path, typer.Option(help="Folder to write to.")] = Path("predicted"),
    overlay: Annotated[bool, typer.Option("--overlay", help="Write an MP4 with box, bars and traces, too.")] = False,
    face: Annotated[FaceName, typer.Option(help="The main person, or each one in files of their own.")] = (
        FaceName.LARGEST
    ),
    fast: Annotated[
        bool, typer.Option("--fast", help="This processor's fastest arithmetic, bfloat16 where it is native.")
    ] = False,
    device: Annotated[DeviceName, typer.Option(help="Where networks compute.")] = DeviceName.AUTO,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes side by side; one per core or GPU.")] = None,
    weights: Folder = None,
    force: Annotated[bool, typer.Option("--force", help="Write over files that were not written here.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was written as JSON.")] = False,
) -> None:
    """Predict videos with a trained model: for each a table (CSV) and a plot (PNG).

    Neither DVC nor labels are needed. Faces, sound, features and folds are those of the pipeline: the same arithmetic
    gives the same bytes as `dvc repro` gives for the video as a test trial.

    \b
    affectflow predict interview.mp4 --model grjca
    affectflow predict recordings/ --model grjca --overlay --out results
    affectflow predict group.mov --model visual --face each --fold all
    affectflow predict talk.mkv --model grjca.affectflow --json

    Exit codes: 0 all were predicted; 1 some were not, or the model cannot be used; 2 wrong options.
    """  # noqa: D301 (Click reads the \b)
    from pipeline.inference.arithmetic import executor_for
    from pipeline.inference.source import locate

    source = locate(model)
    executor = executor_for(source.recipe, fast=fast, device=device.value, workers=workers)

    from pipeline.inference.files import list_videos, work_beside
    from pipeline.inference.predictor import Predictor, check_recipe, find_weights
    from pipeline.inference.videos import Wishes, predict_videos
    from pipeline.runtime.errors import InputError, Problem
    from pipeline.runtime.folders import work_folder
    from pipeline.runtime.layout import WEIGHTS

    choice = source.choose(fold)
    check_recipe(source.recipe)
    found = list_videos(videos)
    known = find_weights(source, weights or [WEIGHTS])
    wishes = Wishes(out=out, face=face.value, overlay=overlay, force=force)
    entries: list[dict[str, Any]] = []
    problems: list[Problem] = []
    with work_folder(work_beside(out)) as unpacked, source.networks(unpacked) as networks:
        runs = {run: path for run, path in networks.items() if run.fold in choice.best}
        predictor = Predictor(source.recipe, choice, runs, known, executor, fast)
        for video, written, faults in predict_videos(predictor, found, wishes):
            entries += written
            problems += faults
            if not as_json:
                for entry in written:
                    typer.echo(_sentence(entry))
            if faults:
                typer.echo(f"{video.path}: left out, see below", err=True)
    if as_json:
        left_out = [{"video": problem.file, "message": str(problem)} for problem in problems]
        typer.echo(json.dumps({"predictions": entries, "left_out": left_out}, indent=2, ensure_ascii=False))
    if problems:
        left = len({problem.file for problem in problems})
        raise InputError(f"{left} of {len(found)} videos could not be predicted", problems)


def pack(
    model: Annotated[str, typer.Argument(help="Name of a trained model, or its folder.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="File to write. [MODEL.affectflow]")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over an existing file.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was packed as JSON.")] = False,
) -> None:
    """Put a trained model into one file that predicts anywhere, without the corpus.

    It holds the networks of all folds, which of them are best, and how videos are prepared. Random weights of backbones
    are made again from their seed. Published weights have licences of their own and are not packed: the output says
    which files the other person needs, and where they go.

    \b
    affectflow pack grjca
    affectflow pack grjca-finetuned -o for_anna.affectflow

    Exit codes: 0 packed; 1 the model cannot be used, or the file exists; 2 wrong options.
    """  # noqa: D301 (Click reads the \b)
    from pipeline.inference.source import locate, needed_files
    from pipeline.inference.source import pack as write
    from pipeline.runtime.errors import AffectflowError
    from pipeline.runtime.files import replacing_file
    from pipeline.runtime.folders import work_folder, work_root
    from pipeline.runtime.layout import WEIGHTS

    source = locate(model)
    destination = out or Path(f"{source.recipe.model}.affectflow")
    if destination.is_dir() or (destination.exists() and not force):
        remedy = (
            "choose another file with -o" if destination.is_dir() else "choose another file with -o, or give --force"
        )
        raise AffectflowError(f"{destination} exists already -> {remedy}")
    with (
        work_folder(work_root(destination)) as unpacked,
        source.networks(unpacked) as networks,
        replacing_file(destination) as fresh,
    ):
        write(source, fresh, networks)
    files = needed_files(source.recipe)
    if as_json:
        needs = [{"backbone": backbone, "name": name, "sha256": sha} for backbone, name, sha in files]
        best = list(source.choice.best) if source.choice else None
        folds = list(source.folds)
        record = {"file": str(destination), "model": source.recipe.model, "folds": folds, "best": best, "needs": needs}
        typer.echo(json.dumps(record, indent=2))
        return
    size = destination.stat().st_size / 2**20
    typer.echo(f"{destination}: {source.recipe.model}, folds {', '.join(map(str, source.folds))}, {size:.1f} MiB")
    if source.choice is None:
        typer.echo("it was never evaluated: whoever uses it must give --fold all, or the number of one")
    for backbone, name, sha in files:
        typer.echo(f"it needs the weights of {backbone}: {name} (SHA-256 {sha}) in {WEIGHTS}, or in a --weights folder")
    if not files:
        typer.echo("its backbones' weights are random and made again from their seeds: no other file is needed")


def _sentence(entry: dict[str, Any]) -> str:
    """Say what was written of one video or person."""
    means = ", ".join(f"{target} {mean:+.2f}" for target, mean in entry["mean"].items())
    faces = entry["frames_with_face"]
    seen = "" if faces is None else f", a face in {100 * faces / entry['frames']:.0f} % of them"
    notes = "".join(f"\n  note: {note}" for note in entry["notes"])
    return f"{', '.join(entry['files'])}: {entry['frames']} frames{seen}; mean {means}{notes}"
