"""Small clips for tests of backbones."""

from typing import Any

import numpy as np

from pipeline.backbones.common.synthetic_sound import random_sound
from pipeline.clips.clip import Clip
from pipeline.clips.target import Target


def make_clip(trial: str = "7", *, frames: int = 12, fps: float = 25.0, seed: int = 0, **changes: Any) -> Clip:
    """A clip of noise pictures and synthetic sound, whose third frame has no face."""
    random = np.random.default_rng(seed)
    faces = random.integers(0, 256, (frames, 48, 48, 3), dtype=np.uint8)
    face_valid = np.ones(frames, dtype=np.bool_)
    if frames > 2:
        faces[2], face_valid[2] = 0, False
    parts: dict[str, Any] = {
        "trial": trial,
        "subject": "anna",
        "partition": "train",
        "fps": fps,
        "targets": (Target("valence", -1.0, 1.0), Target("arousal", -1.0, 1.0)),
        "time": np.arange(frames) / fps,
        "faces": faces,
        "face_valid": face_valid,
        "audio": random_sound(frames / fps, seed=seed),
        "sample_rate": 16000,
        "labels": np.zeros((frames, 2), dtype=np.float32),
        "alignment": {},
        "sources": {},
    }
    return Clip(**{**parts, **changes})


def make_loud_clip(*, frames: int, fps: float = 25.0, seed: int = 0, **changes: Any) -> Clip:
    """A clip whose sound is there at 44.1 kHz as well."""
    loud = random_sound(frames / fps, seed=seed, rate=44100)
    return make_clip(frames=frames, fps=fps, seed=seed, **{"other_audio": {44100: loud}, **changes})
