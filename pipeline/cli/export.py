"""`affectflow export`: results for other programs, as one HDF5 file or as CSV tables."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

export = typer.Typer(help="Write features or predictions to HDF5 or CSV.", no_args_is_help=True)


class FormatName(StrEnum):
    """What `--format` takes."""

    HDF5 = "hdf5"
    CSV = "csv"


Format = Annotated[FormatName, typer.Option("--format", help="One HDF5 file, or a folder of CSV tables.")]
To = Annotated[Path, typer.Option("--to", help="File or folder to write; must not exist.")]
Only = Annotated[
    list[str] | None, typer.Option("--only", help="Only this backbone, model or ensemble; may be repeated.")
]


@export.command()
def features(to: To, format: Format = FormatName.HDF5, only: Only = None) -> None:
    """Write the embeddings of data/features.

    Example: `affectflow export features --to features.h5`
    """
    from pipeline.cli.export_files import export_features
    from pipeline.config import load
    from pipeline.runtime.layout import FEATURES

    names = _choose(only, list(load().backbones))
    count = export_features({name: FEATURES / f"{name}.zarr" for name in names}, to, format=format.value)
    typer.echo(f"{to}: {count} trials of {', '.join(names)}")


@export.command()
def predictions(to: To, format: Format = FormatName.HDF5, only: Only = None) -> None:
    """Write the validation and test predictions of all models and ensembles.

    Example: `affectflow export predictions --format csv --only grjca --to grjca`
    """
    from pipeline.cli.export_files import export_predictions
    from pipeline.config import load
    from pipeline.runtime.layout import PREDICTIONS

    names = _choose(only, list(load().result_names()))
    count = export_predictions({name: PREDICTIONS / name / "frames.h5" for name in names}, to, format=format.value)
    typer.echo(f"{to}: {count} trials of {', '.join(names)}")


def _choose(only: list[str] | None, known: list[str]) -> list[str]:
    from pipeline.runtime.errors import AffectflowError
    from pipeline.runtime.section import nearest

    for name in only or []:
        if name not in known:
            raise AffectflowError(f"params.yaml has no {name!r}{nearest(name, dict.fromkeys(known))}")
    return only or known
