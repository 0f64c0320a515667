"""Tiny clips whose faces and sound tell the labels, and trained folds on them, for tests of fine-tuning."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from pipeline.backbones import ir50, vggish
from pipeline.backbones.common.interface import load_backbone
from pipeline.backbones.common.weights import Weights
from pipeline.backbones.ir50 import network as ir50_network
from pipeline.backbones.vggish.random_weights import fill_random
from pipeline.clips.clip import Clip, read_clip, write_clip
from pipeline.clips.target import Target
from pipeline.finetuning.config import FinetuneConfig
from pipeline.finetuning.loop import FoldFinetuning
from pipeline.finetuning.task import FinetuneTask, StreamSource
from pipeline.models.config import ModelConfig
from pipeline.training.config import TrainingConfig
from pipeline.training.fold import train_fold
from pipeline.training.frames import join_frames
from pipeline.training.loop import FoldTask

TRAIN, VALIDATION, TEST = ("a", "b", "c"), ("d", "e"), ("f",)
TARGETS = {"valence": (-1.0, 1.0), "arousal": (-1.0, 1.0)}
FPS = 25.0
TRAINING = TrainingConfig(
    window=20, hop=15, batch=4, learning_rate=3e-3, warm_up="linear", warm_up_epochs=1, epochs=30, early_stopping=30
)
MODEL = ModelConfig(
    fusion="gated_joint_cross_attention",
    streams=("ir50", "vggish"),
    temporal="tcn",
    encoders={"visual": {"channels": [8, 8]}, "audio": {"channels": [8]}},
    options={"hidden": 8, "dropout": 0.2, "temperature": 1.0},
)
SOURCES = {"visual": StreamSource("ir50", Weights(), 32), "audio": StreamSource("vggish", Weights(), 256)}
QUICK = FinetuneConfig(
    batch=2,
    accumulate=2,
    learning_rate=3e-3,
    weight_decay=0.0,
    warm_up="linear",
    warm_up_epochs=0,
    epochs=3,
    early_stopping=10,
    dropout=0.2,
    chunk=7,
)


@contextmanager
def scored(*p: float) -> Iterator[None]:
    """Replace the validation score of each epoch, -1 first; the last one holds for all that follow."""

    def validate(loop: FoldFinetuning) -> dict[str, float]:
        return dict.fromkeys(loop.targets, p[min(len(loop.history), len(p) - 1)])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FoldFinetuning, "_validate", validate)
        yield


@contextmanager
def worst_start() -> Iterator[None]:
    """Score the start with the lowest CCC there is, so that the best epoch is one that learned."""
    validate = FoldFinetuning._validate

    def lowered(loop: FoldFinetuning) -> dict[str, float]:
        return validate(loop) if loop.history else dict.fromkeys(loop.targets, -1.0)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FoldFinetuning, "_validate", lowered)
        yield


@contextmanager
def narrow_backbones() -> Iterator[None]:
    """IR-50 and VGGish with few channels: the same layers under the same names, quick to fine-tune."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ir50_network, "STAGES", ((4, 3, 1), (4, 4, 2), (8, 14, 2), (16, 3, 2)))
        patch.setattr(ir50_network, "DIMENSION", 16)
        patch.setattr(ir50, "DIMENSION", 16)
        patch.setattr(vggish, "build", narrow_vggish)
        yield


def narrow_vggish(weights: Weights) -> vggish.VGGish:
    network = vggish.VGGish.__new__(vggish.VGGish)
    nn.Module.__init__(network)
    layers: list[nn.Module] = []
    width = 1
    for depth in (4, 0, 4, 0, 8, 8, 0, 8, 8, 0):
        layers += [nn.Conv2d(width, depth, 3, 1, 1), nn.ReLU()] if depth else [nn.MaxPool2d(2, 2)]
        width = depth or width
    network.features = nn.Sequential(*layers)
    network.embeddings = nn.Sequential(
        nn.Linear(8 * 24, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, vggish.DIMENSION)
    )
    fill_random(network, weights.seed)
    return network.eval()


def make_clip(trial: str, *, frames: int, seed: int, test: bool = False, **changes: Any) -> Clip:
    """Return a clip whose pictures turn brighter with valence and redder with arousal, and its sound louder.

    Some frames have no label, and the last ones lack first arousal, then both, as where raters answer late.
    """
    random = np.random.default_rng(seed)
    latent = np.sin(np.arange(frames)[:, None] / [5.0, 8.0] + seed)
    valence, arousal = latent.T[:, :, None, None]
    light = np.stack([110 + 50 * valence + 50 * arousal, 110 + 50 * valence + 0 * arousal, 110 - 50 * valence], axis=-1)
    faces = np.clip(light + random.normal(0, 8, (frames, 48, 48, 3)), 0, 255).astype(np.uint8)
    face_valid = np.ones(frames, dtype=np.bool_)
    faces[3], face_valid[3] = 0, False
    loudness = np.interp(np.arange(int(frames / FPS * 16000)), np.arange(frames) / FPS * 16000, 1.2 + latent[:, 1])
    labels = latent.astype(np.float32)
    labels[5::13] = np.nan
    labels[-4:, 1] = labels[-2:, 0] = np.nan
    parts: dict[str, Any] = {
        "trial": trial,
        "subject": trial,
        "partition": "test" if test else "train",
        "fps": FPS,
        "targets": tuple(Target(name, *limits) for name, limits in TARGETS.items()),
        "time": np.arange(frames) / FPS,
        "faces": faces,
        "face_valid": face_valid,
        "audio": (2000 * loudness * random.normal(0, 1, len(loudness))).clip(-32768, 32767).astype(np.int16),
        "sample_rate": 16000,
        "labels": np.full_like(labels, np.nan) if test else labels,
        "alignment": {},
        "sources": {},
    }
    return Clip(**{**parts, **changes})


def write_clips(folder: Path) -> Path:
    folder.mkdir()
    for number, trial in enumerate((*TRAIN, *VALIDATION, *TEST)):
        # Trial b is shorter than a window.
        frames = 14 if trial == "b" else 35 + 4 * number
        write_clip(folder / f"{trial}.h5", make_clip(trial, frames=frames, seed=number, test=trial in TEST))
    return folder


def embed_all(clips: Path, sources: Mapping[str, StreamSource] = SOURCES) -> dict[str, dict[str, np.ndarray]]:
    """Return what the extract stage would store, by role and trial."""
    features: dict[str, dict[str, np.ndarray]] = {}
    for role, source in sources.items():
        backbone = load_backbone(source.backbone)
        network = backbone.build(source.weights).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        features[role] = {
            path.stem: backbone.embed(network, read_clip(path), batch=source.batch, device=torch.device("cpu")).astype(
                np.float16
            )
            for path in sorted(clips.glob("*.h5"))
        }
    return features


def train_base(folder: Path, clips: Path, *, training: TrainingConfig = TRAINING, model: ModelConfig = MODEL) -> Path:
    """Train fold 1 on cached features; return its file."""
    folder.mkdir()
    trials = (*TRAIN, *VALIDATION)
    labels = {trial: read_clip(clips / f"{trial}.h5").labels for trial in trials}
    sources = {role: SOURCES[role] for role in ("visual", "audio")[: len(model.streams)]}
    join_frames(embed_all(clips, sources), labels, trials=trials).save(folder)
    task = FoldTask(
        fold=1,
        train=TRAIN,
        validation=VALIDATION,
        table=folder,
        model=model,
        training=training,
        targets=TARGETS,
        checkpoint=folder / "checkpoint",
    )
    train_fold(task, folder)
    return folder / "fold.safetensors"


def make_task(folder: Path, clips: Path, base: Path, *, name: str = "checkpoint", **config: Any) -> FinetuneTask:
    return FinetuneTask(
        fold=1,
        base=base,
        clips=clips,
        train=TRAIN,
        validation=VALIDATION,
        digests={trial: read_clip(clips / f"{trial}.h5").digest() for trial in (*TRAIN, *VALIDATION)},
        streams=SOURCES,
        config=QUICK.model_copy(update=config),
        checkpoint=folder / "checkpoints" / name,
    )
