"""Tiny corpora that bring no crops, of rendered faces: RECOLA's layout, and a table of one's own."""

import tempfile
import wave
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np

from pipeline.corpora.config import RecolaConfig, TableConfig
from tests.face_factory import HERE, RATE, Place, tone, write_face_video

FRAMES = 30
SECONDS = FRAMES / RATE
PERIOD = 0.04
DELAYS = {"valence": 0.2, "arousal": 0.32}
"""How late the raters of the miniature of RECOLA answer, s: its last frames have one label of two, then none."""
RECOLA = ("dev_1", "test_1", "train_1", "train_2")
ARFF = """@relation GOLDSTANDARD

@attribute Instance_name string
@attribute frameTime numeric
@attribute GoldStandard numeric


@data

"""
PEOPLE = {"p1_a": "p1", "p1_b": "p1", "p2": "p2", "p3": "p3", "p4": "p4", "p5": "p5"}
SUBJECTS = ("carl", "ben", "eve", "finn", "hal", "p3", "p4")
"""Drawn people whom every detector finds in every pose of these videos."""


@cache
def face_video(number: int, frames: int = FRAMES) -> bytes:
    """Return a video of a face that drifts to the right and smiles more and more."""
    subject = SUBJECTS[number % len(SUBJECTS)]

    def place(frame: int) -> list[Place]:
        return [(HERE[0] - 8 + 0.5 * frame, HERE[1], HERE[2] - number % 3)]

    with tempfile.TemporaryDirectory() as folder:
        path = write_face_video(
            Path(folder) / "v.mp4",
            frames=frames,
            place=place,
            subject=subject,
            smile=lambda frame: frame / frames - 0.5,
        )
        return path.read_bytes()


def write_wav(path: Path, *, seconds: float = SECONDS, rate: int = 16000, hertz: float = 300.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(tone(seconds, rate, hertz).astype("<i2").tobytes())
    return path


def gold(target: str, time: np.ndarray) -> np.ndarray:
    """Return the made-up truth at some times, s."""
    truth = 0.4 * np.sin(2 * time) if target == "valence" else 0.3 * np.cos(3 * time)
    return np.asarray(np.round(truth, 6))


def arff(trial: str, target: str, rows: int = FRAMES + 1) -> str:
    time = np.arange(rows) * PERIOD
    lines = (f"'{trial}',{at:.2f},{value:.6f}\n" for at, value in zip(time, gold(target, time), strict=True))
    return ARFF + "".join(lines)


def write_recola(root: Path) -> RecolaConfig:
    """Write a corpus without a fault, as released: two trials to train, one to develop, one to test."""
    for number, trial in enumerate(RECOLA):
        write_bytes(root / "recordings_video" / f"{trial}.mp4", face_video(number))
        write_wav(root / "recordings_audio" / f"{trial}.wav", hertz=200 + 50 * number)
        for target in ("arousal", "valence"):
            if trial != "test_1":
                write_text(root / "ratings_gold_standard" / target / f"{trial}.arff", arff(trial, target))
    return recola_config(root)


def recola_config(root: Path, **changes: object) -> RecolaConfig:
    values = {"kind": "recola", "root": str(root), "index": str(root.parent / "index.csv"), "label_delay": DELAYS}
    return RecolaConfig.model_validate(values | changes)


def fatigue_labels(number: int) -> str:
    """Return labels with seconds, twice a second, or one row per frame."""
    if number % 2:
        return "fatigue\n" + "".join(f"{5 + 0.1 * frame:.2f}\n" for frame in range(FRAMES))
    return "time,fatigue\n" + "".join(f"{0.5 * row:.1f},{number % 5 + row:.1f}\n" for row in range(4))


def fatigue_row(trial: str) -> dict[str, str]:
    row = {"trial": trial, "video": f"video/{trial}.mp4", "audio": "", "labels": f"labels/{trial}.csv", "partition": ""}
    return {**row, "subject": PEOPLE[trial]}


def write_fatigue(root: Path) -> TableConfig:
    """Write a corpus without a fault: one target from 0 to 10, six videos of five people, no partitions."""
    for number, trial in enumerate(PEOPLE):
        write_bytes(root / "video" / f"{trial}.mp4", face_video(number))
        write_text(root / "labels" / f"{trial}.csv", fatigue_labels(number))
    write_manifest(root.parent / "manifest.csv", [fatigue_row(trial) for trial in PEOPLE])
    return table_config(root)


def table_config(root: Path, **changes: object) -> TableConfig:
    values = {
        "kind": "table",
        "root": str(root),
        "index": str(root.parent / "index.csv"),
        "manifest": str(root.parent / "manifest.csv"),
        "targets": {"fatigue": (0.0, 10.0)},
        **changes,
    }
    return TableConfig.model_validate(values)


def write_manifest(path: Path, rows: list[dict[str, str]]) -> None:
    lines = [",".join(rows[0]), *(",".join(row.values()) for row in rows)]
    write_text(path, "".join(f"{line}\n" for line in lines))


def write_text(path: Path, text: str) -> None:
    write_bytes(path, text.encode())


def write_bytes(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def edited(path: Path, change: Callable[[str], str]) -> None:
    text = path.read_text()
    assert change(text) != text
    path.write_text(change(text))
