"""The picture of `affectflow inspect`: one clip, all that it holds above each other on one time line.

Legend: t frames, n samples.
"""

from collections.abc import Mapping
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pipeline.cli.inspect import alignment_words
from pipeline.clips.clip import Clip
from pipeline.clips.runs import runs

THUMBNAILS = 14
BINS = 1600
"""Columns of the sound's envelope: about one per pixel."""

WIDTH, DPI = 13.0, 130
COLOURS = ("#0b6aa2", "#c2540a", "#2e7d4f", "#7a3e9d", "#8a6d00", "#5d5d5d")
GIVEN, MASKED = "#9fb8c8", "#c0392b"


def draw_clip(clip: Clip, path: Path, *, masks: Mapping[str, NDArray[Any]], start: float, end: float) -> None:
    """Draw a clip between two times.

    Parameters
    ----------
    path : its suffix says which kind of picture
    masks : (t,) which frames each backbone could embed, by its name
    start, end : s
    """
    rows = {"face found": clip.face_valid, "labelled": clip.label_valid, **{f"{k} valid": v for k, v in masks.items()}}
    targets = len(clip.targets)
    heights = [1.3, 1.2, *[1.1] * targets, 0.3 * len(rows) + 0.2]
    figure = Figure(figsize=(WIDTH, sum(heights) + 1.5), layout="constrained")
    axes = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)
    figure.suptitle(_title(clip), x=0.01, ha="left", fontsize=13)
    _faces(axes[0], clip, start, end)
    _sound(axes[1], clip, end - start)
    for place, target in enumerate(clip.targets):
        _labels(axes[2 + place], clip, place, COLOURS[place % len(COLOURS)])
        axes[2 + place].set_ylabel(target.name, rotation=0, ha="right", va="center")
    _masks(axes[-1], clip, rows)
    axes[-1].set_xlim(start, end)
    axes[-1].set_xlabel("time in s")
    figure.supxlabel(fill(f"alignment: {alignment_words(clip)}", 150), x=0.01, ha="left", fontsize=9)
    # Without a date or a version the same clip gives the same file.
    metadata = {"Date": None} if path.suffix.lower() == ".svg" else {}
    if path.suffix.lower() == ".pdf":
        metadata = {"CreationDate": None}
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=DPI, metadata=metadata)


def _title(clip: Clip) -> str:
    sound = (
        f"sound {len(clip.audio) / clip.sample_rate:.2f} s at {clip.sample_rate} Hz" if len(clip.audio) else "no sound"
    )
    clock = "" if clip.alignment.get("clock") == "container" else ", times assumed"
    rate = f"{len(clip)} frames at {clip.fps:.4g} per second{clock}"
    return f"{clip.trial}: {clip.partition}, subject {clip.subject}; {rate}; {sound}"


def _faces(axes: Axes, clip: Clip, start: float, end: float) -> None:
    """Draw the face of the frame that is shown at each of several times."""
    axes.set_ylim(0, 1)
    axes.set_yticks([])
    axes.set_ylabel("faces", rotation=0, ha="right", va="center")
    width = (end - start) / THUMBNAILS
    for number in range(THUMBNAILS):
        middle = start + (number + 0.5) * width
        frame = int(np.searchsorted(clip.time, middle, side="right")) - 1
        if frame < 0:
            continue
        left = start + number * width
        # The axes stretch a picture to its place; an inset keeps it square.
        inset = axes.inset_axes((left, 0.02, width, 0.86), transform=axes.transData)
        inset.imshow(clip.faces[frame], aspect="equal", interpolation="nearest")
        inset.set_xticks([])
        inset.set_yticks([])
        for spine in inset.spines.values():
            spine.set_color(GIVEN if clip.face_valid[frame] else MASKED)
        inset.set_title(f"frame {frame}" if clip.face_valid[frame] else f"{frame}: none", fontsize=7, pad=2)
    _bare(axes)


def _sound(axes: Axes, clip: Clip, shown: float) -> None:
    """Draw the sound's envelope, with as many columns as are shown in so many seconds."""
    axes.set_ylabel("sound", rotation=0, ha="right", va="center")
    axes.set_yticks([])
    axes.set_ylim(-1.05, 1.05)
    if len(clip.audio):
        length = len(clip.audio) / clip.sample_rate
        time, low, high = envelope(clip.audio, clip.sample_rate, max(1, round(BINS * length / shown)))
        loudest = max(1.0, float(np.abs(clip.audio.astype(np.float64)).max()))
        axes.fill_between(time, low / loudest, high / loudest, color=COLOURS[1], linewidth=0.4)
        axes.axvline(length, color=COLOURS[5], linewidth=0.8, linestyle=":")
    else:
        axes.text(0.5, 0.5, "no sound", transform=axes.transAxes, ha="center", va="center")
    _bare(axes)


def envelope(
    audio: NDArray[np.int16], rate: int, bins: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return time (s), least and greatest sample of each of up to `bins` stretches of the sound, (n,)."""
    edges = np.unique(np.linspace(0, len(audio), min(bins, len(audio)) + 1).astype(np.int64))
    low = np.minimum.reduceat(audio, edges[:-1]).astype(np.float64)
    high = np.maximum.reduceat(audio, edges[:-1]).astype(np.float64)
    return (edges[:-1] + edges[1:]) / 2 / rate, low, high


def _labels(axes: Axes, clip: Clip, place: int, colour: str) -> None:
    target, values = clip.targets[place], clip.labels[:, place]
    span = target.high - target.low
    axes.set_ylim(target.low - 0.05 * span, target.high + 0.05 * span)
    axes.set_yticks([target.low, (target.low + target.high) / 2, target.high])
    axes.grid(axis="y", color="#e3e3e3", linewidth=0.7)
    # A label between two frames without one would not show in a line.
    axes.plot(clip.time, values, color=colour, linewidth=1.3, marker=".", markersize=2)
    for first, behind in runs(np.isnan(values)):
        axes.axvspan(*_span(clip, first, behind), color=MASKED, alpha=0.12, linewidth=0)
    _bare(axes, keep="left")


def _masks(axes: Axes, clip: Clip, rows: Mapping[str, NDArray[Any]]) -> None:
    """Draw a bar per mask: what is given, and in another colour what is masked."""
    for number, valid in enumerate(rows.values()):
        for mask, colour in ((valid, GIVEN), (~valid, MASKED)):
            bars = [(begin, end - begin) for begin, end in (_span(clip, *pair) for pair in runs(mask))]
            axes.broken_barh(bars, (number - 0.35, 0.7), facecolors=colour)
    shares = [f"{name}\n{int(valid.sum())} of {len(valid)}" for name, valid in rows.items()]
    axes.set_yticks(range(len(rows)), shares, fontsize=7.5)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    _bare(axes, keep="bottom")


def _span(clip: Clip, first: int, behind: int) -> tuple[float, float]:
    """Return from when to when some frames are shown, s."""
    frame = 1 / clip.fps if clip.fps else 0.04
    end = clip.time[behind] if behind < len(clip.time) else clip.time[-1] + frame
    return float(clip.time[first]), float(end)


def _bare(axes: Axes, keep: str = "") -> None:
    for name, spine in axes.spines.items():
        spine.set_visible(name == keep)
    axes.tick_params(axis="x", length=3 if keep == "bottom" else 0)
