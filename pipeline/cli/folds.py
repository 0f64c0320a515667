"""`affectflow folds`: the table of cross-validation."""

from typing import Annotated

import typer

from pipeline.cli.printing import Json, print_json, print_table


def folds(as_json: Annotated[bool, Json] = False) -> None:
    """Print how many trials and frames each fold trains and validates on, and whom it holds out.

    Example: `affectflow folds --json | jq '.folds[0].validation.trials'`
    """
    from pipeline.clips.manifest import read_manifest
    from pipeline.evaluation.folds import read_folds
    from pipeline.runtime.layout import FOLDS, MANIFEST

    split, rows = read_folds(FOLDS), {row.trial: row for row in read_manifest(MANIFEST)}

    def size(trials: tuple[str, ...]) -> dict[str, int]:
        return {"trials": len(trials), "frames": sum(rows[trial].frames for trial in trials)}

    found = [
        {
            "fold": number,
            "train": size(fold.train),
            "validation": size(fold.validation),
            "held_out": sorted({rows[trial].subject for trial in fold.validation}),
        }
        for number, fold in enumerate(split.folds)
    ]
    if as_json:
        print_json({"scheme": split.scheme, "test": list(split.test), "folds": found})
        return
    typer.echo(f"scheme {split.scheme}; {len(split.test)} test trials")
    cells = [
        (
            number,
            f"{len(fold.train)} / {size(fold.train)['frames']}",
            f"{len(fold.validation)} / {size(fold.validation)['frames']}",
            ", ".join(sorted({rows[trial].subject for trial in fold.validation})),
        )
        for number, fold in enumerate(split.folds)
    ]
    print_table(("fold", "train", "validation", "subjects held out"), cells, numbers=("fold", "train", "validation"))
    typer.echo("train and validation: trials / frames")
