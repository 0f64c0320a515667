"""Draw the demo corpus for the documentation: docs/images/demo_contact_sheet.png and docs/images/demo_audio.png.

Run it from the repository's root after the stage `demo`: ``python -m benchmarks.contact_sheet``.
"""

import csv
import sys
from pathlib import Path
from typing import Any

import av
import cv2
import matplotlib as mpl
import numpy as np
import numpy.typing as npt

mpl.use("Agg")
import matplotlib.pyplot as plt

from pipeline.demo import layout
from pipeline.demo.config import load
from pipeline.demo.plan import plan
from pipeline.demo.roster import cast

FOLDER = Path("docs/images")
TRIALS = ("video59", "video59_right", "28-24-1920x1080-1", "video33", "video18", "45-15-1280x720")
FRAMES = ("video59", "12-30-1280x720")
COLUMNS = 10
WIDTH = 840
"""Pixels; the sheet is kept in git."""
VOICE = "61-15-1280x720"
RATE = 16000


def contact_sheet(root: Path) -> npt.NDArray[np.uint8]:
    """Put frames of two videos above the crops of some trials, equally spaced in time."""
    crops = [
        np.hstack(
            [cv2.imread(str(path)) for path in _spread(sorted((root / layout.CROPS / trial).glob("*.jpg")), COLUMNS)]
        )
        for trial in TRIALS
        if (root / layout.CROPS / trial).is_dir()
    ]
    width = crops[0].shape[1]
    rows = []
    for video in FRAMES:
        with av.open(str(layout.video_path(root, video))) as container:
            pictures = _spread([frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)], 4)
        strip = np.hstack(pictures)
        rows.append(cv2.resize(strip, (width, strip.shape[0] * width // strip.shape[1]), interpolation=cv2.INTER_AREA))
    sheet = np.vstack([*rows, *crops])
    return cv2.resize(sheet, (WIDTH, len(sheet) * WIDTH // width), interpolation=cv2.INTER_AREA)


def _spread(things: list[Any], count: int) -> list[Any]:
    return [things[int(index)] for index in np.linspace(0, len(things) - 1, count)]


def voice_figure(root: Path, params: Path) -> plt.Figure:
    """Plot waveform, spectrogram and latents of one video, with its useless segments shaded."""
    with av.open(str(layout.video_path(root, VOICE))) as container:
        resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
        pieces = [block.to_ndarray()[0] for frame in container.decode(audio=0) for block in resampler.resample(frame)]
    sound = np.concatenate(pieces) / 32768
    config = load(params)
    script = plan(config, next(video for video in cast(config.trials) if video.name == VOICE))
    figure, axes = plt.subplots(3, 1, figsize=(11, 6.5), sharex=True, layout="constrained", height_ratios=(1, 2, 1.3))
    axes[0].plot(np.arange(len(sound)) / RATE, sound, linewidth=0.4, color="0.3")
    axes[0].set_ylabel("waveform")
    axes[1].specgram(
        sound + 1e-6 * np.random.default_rng(0).standard_normal(len(sound)),
        NFFT=512,
        Fs=RATE,
        noverlap=384,
        vmin=-125,
        vmax=-35,
        cmap="magma",
    )
    axes[1].set_ylabel("Hz")
    truth = np.loadtxt(layout.annotation_path(root, "train", VOICE), delimiter=",", skiprows=1)
    truth = np.where(truth == -5, np.nan, truth)[: len(script.times)]
    for column, (name, colour) in enumerate((("valence", "tab:blue"), ("arousal", "tab:red"))):
        axes[2].plot(script.times, truth[:, column], color=colour, label=name)
    with (root / layout.SEGMENTS).open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["trial"] == VOICE:
                start, end = (
                    script.times[min(int(row[key]), len(script.times) - 1)] for key in ("start_frame", "end_frame")
                )
                axes[2].axvspan(start, end, color="0.85", label=f"{row['modality']}: {row['kind']}")
    axes[2].set(ylim=(-1, 1), xlim=(0, script.seconds), xlabel="seconds")
    axes[2].legend(loc="upper right", ncols=3, fontsize="small")
    return figure


def main(root: str = "data/demo/corpus", params: str = "data/demo/params.yaml") -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(FOLDER / "demo_contact_sheet.png"), contact_sheet(Path(root)), [cv2.IMWRITE_PNG_COMPRESSION, 9])
    voice_figure(Path(root), Path(params)).savefig(FOLDER / "demo_audio.png", dpi=80, metadata={"Software": None})


if __name__ == "__main__":
    main(*sys.argv[1:])
