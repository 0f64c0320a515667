"""`affectflow cache`: look at the item cache, shrink it, check it."""

from typing import Annotated

import typer

from pipeline.cli.printing import Json, print_json, print_table

cache = typer.Typer(help="The item cache: what it holds, what is old, what is damaged.", no_args_is_help=True)

DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")]


@cache.command()
def info(as_json: Annotated[bool, Json] = False) -> None:
    """Count items and bytes, by kind.

    Example: `affectflow cache info`
    """
    from pipeline.runtime.items import ItemCache
    from pipeline.runtime.upkeep import survey

    store = ItemCache()
    kinds = survey(store)
    if as_json:
        found = {kind: {"items": count, "bytes": size} for kind, (count, size) in kinds.items()}
        print_json({"root": str(store.root), "kinds": found})
        return
    typer.echo(f"{store.root}")
    total = (sum(count for count, _ in kinds.values()), sum(size for _, size in kinds.values()))
    rows = [(kind, count, readable(size)) for kind, (count, size) in {**kinds, "all": total}.items()]
    print_table(("kind", "items", "size"), rows, numbers=("items", "size"))


@cache.command()
def prune(
    days: Annotated[float, typer.Option(min=0, help="Remove what was not used for so many days.")] = 30.0,
    dry_run: DryRun = False,
) -> None:
    """Remove items and checkpoints that were not used for long, and what killed runs left behind.

    Example: `affectflow cache prune --days 90 --dry-run`
    """
    from pipeline.runtime.items import ItemCache
    from pipeline.runtime.upkeep import prune as remove

    removed = remove(ItemCache(), days=days, dry_run=dry_run)
    verb = "would remove" if dry_run else "removed"
    for kind, (count, size) in removed.items():
        typer.echo(f"{verb} {count} {kind}, {readable(size)}")


@cache.command()
def verify(
    repair: Annotated[bool, typer.Option("--repair", help="Remove what is damaged: it is computed again.")] = False,
) -> None:
    """Compare all items and all files of DVC's cache with their checksums; exit 1 if any is damaged and not removed.

    Where results are links into DVC's cache, a result that was changed in place is damaged there. With --repair the
    results that link to removed files go, too, and `dvc repro` makes them again.

    Example: `affectflow cache verify --repair`
    """
    from pipeline.runtime.errors import InputError, Problem
    from pipeline.runtime.items import ItemCache
    from pipeline.runtime.objects import damaged_objects, forget_objects, kept_objects
    from pipeline.runtime.progress import Progress
    from pipeline.runtime.upkeep import damaged

    store, objects = ItemCache(), kept_objects()
    with Progress("verify", total=len(store.keys()) + len(objects)) as progress:
        items = damaged(store, progress=progress)
        files = damaged_objects(progress=progress)
    problems = [Problem(reason, file=str(store.path(key))) for key, reason in items.items()]
    problems += [Problem("its content is not that of its name", file=str(path)) for path in files]
    if problems and not repair:
        raise InputError("damaged files; `affectflow cache verify --repair` removes them", problems)
    for key in items:
        store.remove(key)
    gone = forget_objects(files)
    for problem in problems:
        typer.echo(f"removed {problem}")
    for path in gone:
        typer.echo(f"removed {path}: a link to a damaged file; `dvc repro` makes it again")
    typer.echo(f"{len(store.keys())} items and {len(objects) - len(files)} files of DVC's cache are whole")


def readable(size: float) -> str:
    """Return a number of bytes as a person writes it."""
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"
