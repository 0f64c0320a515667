"""`affectflow inspect TRIAL`: a trial's sound, faces, labels, masks and alignment on one time line."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli.printing import Json, print_json

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipeline.clips.clip import Clip

CLIPS = Path("data/clips")
FORMATS = (".png", ".svg", ".pdf")


def trials(incomplete: str) -> list[str]:
    """Return the trials that a shell can complete a name to."""
    return sorted(path.stem for path in CLIPS.glob("*.h5") if path.stem.startswith(incomplete))


def inspect(
    trial: Annotated[str, typer.Argument(help="A trial, as in data/clips/manifest.csv.", autocompletion=trials)],
    out: Annotated[Path | None, typer.Option(help="The picture: .png, .svg or .pdf; else TRIAL.png.")] = None,
    start: Annotated[float, typer.Option("--from", min=0, help="Seconds at which the picture begins.")] = 0.0,
    end: Annotated[float | None, typer.Option("--to", min=0, help="Seconds at which it ends.")] = None,
    as_json: Annotated[bool, Json] = False,
) -> None:
    """Draw a trial's clip: faces, sound, labels, what is masked and why, on one time line.

    The features' masks are drawn, too, where they are extracted. Exits with 1 where there is no such clip.

    Example: `affectflow inspect video84 --from 2 --to 5`
    """
    from pipeline.cli.timeline_picture import draw_clip
    from pipeline.clips.clip import read_clip
    from pipeline.clips.manifest import read_manifest
    from pipeline.runtime.errors import AffectflowError
    from pipeline.runtime.layout import MANIFEST
    from pipeline.runtime.section import nearest

    path = out or Path(f"{trial}.png")
    if path.suffix.lower() not in FORMATS:
        raise AffectflowError(f"--out {path}: write one of {', '.join(FORMATS)}")
    names = {row.trial: row for row in read_manifest(MANIFEST)}
    if trial not in names:
        rejected = f"; {CLIPS}/rejected.csv says which trials were left out"
        raise AffectflowError(f"there is no clip of {trial!r}{nearest(trial, names)}{rejected}")
    clip = read_clip(CLIPS / f"{trial}.h5", mapped=True)
    last = clip_end(clip)
    stop = last if end is None else min(end, last)
    if start >= stop:
        raise AffectflowError(f"--from {start:g} --to {stop:g}: {trial} lasts from 0 to {last:.2f} s")
    masks = feature_masks(trial, len(clip))
    draw_clip(clip, path, masks=masks, start=start, end=stop)
    if as_json:
        print_json({"picture": str(path), **facts(clip, masks)})
        return
    typer.echo(f"{path}: {trial}, {len(clip)} frames, {last:.2f} s")
    typer.echo(f"alignment: {alignment_words(clip)}")


def clip_end(clip: "Clip") -> float:
    """Return when the later of picture and sound ends, s."""
    frame = 1 / clip.fps if clip.fps else 0.0
    return max(float(clip.time[-1]) + frame, len(clip.audio) / clip.sample_rate)


def feature_masks(trial: str, frames: int) -> dict[str, "NDArray[Any]"]:
    """Return which frames each backbone could embed, (t,), of the stores that are there and fit the clip."""
    from pipeline.features.store import FeatureStore
    from pipeline.runtime.errors import AffectflowError
    from pipeline.runtime.layout import FEATURES

    found = {}
    for path in sorted(FEATURES.glob("*.zarr")):
        try:
            valid = FeatureStore.open(path).read_valid(trial)
        except AffectflowError:
            continue  # of other clips; `affectflow status` says so
        if len(valid) == frames:
            found[path.stem] = valid
    return found


def alignment_words(clip: "Clip") -> str:
    """Say what was done where frames, labels and crops did not match."""
    from dataclasses import fields

    from pipeline.clips.alignment import Alignment

    record = {field.name: clip.alignment[field.name] for field in fields(Alignment)}
    return Alignment(**{**record, "notes": tuple(record["notes"])}).done()


def facts(clip: "Clip", masks: dict[str, "NDArray[Any]"]) -> dict[str, Any]:
    """Return what the picture shows, in numbers."""
    return {
        "trial": clip.trial,
        "partition": clip.partition,
        "subject": clip.subject,
        "frames": len(clip),
        "per_second": clip.fps,
        "seconds": clip_end(clip),
        "sound_seconds": len(clip.audio) / clip.sample_rate,
        "frames_with_face": int(clip.face_valid.sum()),
        "frames_with_label": int(clip.label_valid.sum()),
        "frames_with_feature": {name: int(valid.sum()) for name, valid in masks.items()},
        "alignment": dict(clip.alignment),
        "alignment_words": alignment_words(clip),
    }
