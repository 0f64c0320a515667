"""Two epochs of every fusion system, from the random start to the weights of the best epoch."""

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

from pipeline.models.config import ModelConfig
from pipeline.training.config import TrainingConfig
from pipeline.training.fold import train_fold
from pipeline.training.frames import join_frames
from pipeline.training.history import FOLD
from pipeline.training.loop import FoldTask
from tests.numerics.operations import Values

SETTINGS = TrainingConfig(window=12, hop=6, batch=4, learning_rate=1e-3, warm_up_epochs=1, epochs=2)
TRAIN, VALIDATION = ("a", "b"), ("c",)
WIDTHS = {"visual": 24, "audio": 16, "audio_2": 8}
TCN = {role: {"channels": [8, 8]} for role in WIDTHS}
SYSTEMS: Mapping[str, tuple[tuple[str, ...], str, dict[str, Any]]] = {
    "unimodal": (("visual",), "tcn", {}),
    "concatenation": (("visual", "audio"), "multiscale", {}),
    "lstm": (("visual", "audio"), "tcn", {"width": 8}),
    "self_attention": (("visual", "audio"), "tcn", {}),
    "cross_attention": (("visual", "audio"), "tcn", {}),
    "leader_follower": (("visual", "audio", "audio_2"), "tcn", {}),
    "joint_cross_attention": (("visual", "audio"), "tcn", {"iterations": 2}),
    "gated_joint_cross_attention": (("visual", "audio"), "tcn", {"iterations": 2}),
    "cross_modal_attention": (("visual", "audio", "audio_2"), "identity", {}),
    "reliability_gate": (("visual", "audio"), "tcn", {}),
}
"""For each fusion system its streams, temporal encoder and options."""


def training() -> Iterator[tuple[str, Values]]:
    """Yield the weights of each fusion system after two epochs."""
    with tempfile.TemporaryDirectory() as folder:
        for name in SYSTEMS:
            yield name, tuple(train(name, Path(folder)).values())


def train(fusion: str, folder: Path) -> dict[str, Any]:
    """Train one system on exact features; return its tensors by name, sorted."""
    roles, temporal, options = SYSTEMS[fusion]
    table = folder / f"table-{fusion}"
    table.mkdir()
    random = np.random.RandomState(1)
    lengths = {"a": 30, "b": 25, "c": 20}

    def whole(length: int, width: int) -> np.ndarray[Any, np.dtype[np.float32]]:
        return (random.randint(-1024, 1025, (length, width)) / 1000).astype(np.float32)

    labels = {trial: whole(length, 2) for trial, length in lengths.items()}
    features = {role: {trial: whole(length, WIDTHS[role]) for trial, length in lengths.items()} for role in roles}
    join_frames(features, labels, trials=(*TRAIN, *VALIDATION)).save(table)
    encoders = {role: TCN[role] for role in roles} if temporal == "tcn" else {}
    task = FoldTask(
        fold=0,
        train=TRAIN,
        validation=VALIDATION,
        table=table,
        model=ModelConfig(fusion=fusion, streams=("any",), temporal=temporal, encoders=encoders, options=options),
        training=SETTINGS,
        targets={"valence": (-1.0, 1.0), "arousal": (-1.0, 1.0)},
        checkpoint=folder / "checkpoints" / fusion,
    )
    out = folder / fusion
    out.mkdir()
    train_fold(task, out)
    return dict(sorted(load_file(out / FOLD).items()))
