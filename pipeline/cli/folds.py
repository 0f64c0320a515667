"""`affectflow folds`: the table of cross-validation."""

import typer


def folds() -> None:
    """Print how many trials and frames each fold trains and validates on."""
    from pipeline.clips.manifest import read_manifest
    from pipeline.evaluation.folds import read_folds
    from pipeline.runtime.layout import FOLDS, MANIFEST

    split = read_folds(FOLDS)
    frames = {row.trial: row.frames for row in read_manifest(MANIFEST)}
    subjects = {row.trial: row.subject for row in read_manifest(MANIFEST)}
    typer.echo(f"scheme {split.scheme}; {len(split.test)} test trials")
    typer.echo(f"{'fold':>4} {'train':>16} {'validation':>16}  subjects held out")
    for number, fold in enumerate(split.folds):
        sizes = [f"{len(part)} / {sum(frames[trial] for trial in part)}" for part in (fold.train, fold.validation)]
        held_out = ", ".join(sorted({subjects[trial] for trial in fold.validation}))
        typer.echo(f"{number:>4} {sizes[0]:>16} {sizes[1]:>16}  {held_out}")
    typer.echo("train and validation: trials / frames")
