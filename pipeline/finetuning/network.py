"""Backbones, standardisation and fusion system as one network, from faces and sound to the targets.

Memory decides how it runs. The frozen part of a backbone needs no gradient, so it runs without a graph; the released
part runs in chunks of frames under activation checkpointing, so that between the passes only its input is kept, and
during the backward pass one chunk's activations at a time. A window then costs what its boundary costs: 100 kB per
frame for IR-50 with all groups released, instead of 3 MB.
"""

from collections.abc import Mapping, Sequence
from typing import Self, cast

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

from pipeline.finetuning.release import first_released, release, released_names
from pipeline.finetuning.tunable import Augmentation, Excerpt, Step, load_tunable
from pipeline.models.fusion_model import FusionOutput
from pipeline.models.trained import SeparateTargets, StandardisedNetwork


class EndToEndNetwork(nn.Module):
    """A fusion system with the backbones of its streams.

    All batch norms keep their statistics, those of the temporal encoders too: two windows of 300 neighbouring frames
    say little about a corpus. So nothing depends on how windows are grouped, and accumulated gradients are those of
    one large batch.

    Parameters
    ----------
    backbones : network of each role's backbone
    names : name of each role's backbone
    fusion : takes raw features by role
    chunk : frames at a time in the released part of a backbone
    groups : how many groups of each role's backbone can be released; all unless given
    """

    def __init__(
        self,
        *,
        backbones: Mapping[str, nn.Module],
        names: Mapping[str, str],
        fusion: StandardisedNetwork | SeparateTargets,
        chunk: int,
        groups: Mapping[str, int] | None = None,
    ) -> None:
        super().__init__()
        if chunk < 1:
            raise ValueError(f"chunk must be at least one frame, got {chunk}")
        self.tunables = {role: load_tunable(name) for role, name in names.items()}
        self.groups = {
            role: tunable.RELEASE[: None if groups is None else groups[role]] for role, tunable in self.tunables.items()
        }
        self.backbones = nn.ModuleDict({role: backbones[role] for role in names})
        self.fusion = fusion
        self.chunk = chunk
        self.released = 0
        self.release(0)

    @property
    def releases(self) -> int:
        """How many releases there are."""
        return max((len(groups) for groups in self.groups.values()), default=0)

    def release(self, count: int) -> None:
        """Let the first `count` groups of every backbone learn, beside the fusion system, and no others."""
        for role, network in self.backbones.items():
            release(network, self.groups[role], count)
        self.released = count

    def learning(self, count: int) -> dict[str, Tensor]:
        """Return what fine-tuning changes once `count` groups are released: their parameters, and the fusion model."""
        state = self.state_dict()
        names = [
            f"backbones.{role}.{name}"
            for role, network in self.backbones.items()
            for name in released_names(network, self.groups[role], count)
        ]
        return {name: state[name] for name in (*names, *(name for name in state if name.startswith("fusion.")))}

    def train(self, mode: bool = True) -> Self:
        """Switch dropout in the fusion system; backbones and batch norms are always in evaluation mode."""
        super().train(mode)
        self.backbones.eval()
        for module in self.modules():
            if isinstance(module, _BatchNorm):
                module.eval()
        return self

    def forward(
        self, windows: Sequence[Mapping[str, Excerpt]], augmentations: Sequence[Augmentation], mask: Tensor
    ) -> FusionOutput:
        """Predict the targets at every frame of some windows.

        Parameters
        ----------
        windows : for each of b windows what each role's backbone reads of its t frames
        augmentations : how each window's faces are cropped and mirrored
        mask : (b, t) bool, False at padding
        """
        streams = {
            role: torch.stack(
                [self.embed(role, window[role], one) for window, one in zip(windows, augmentations, strict=True)]
            )
            for role in self.tunables
        }
        return cast(FusionOutput, self.fusion(streams, mask))

    def embed(self, role: str, excerpt: Excerpt, augmentation: Augmentation) -> Tensor:
        """Embed a window's frames, (t, d_m) float32."""
        tunable, network = self.tunables[role], self.backbones[role]
        steps = tunable.steps(network)
        constant = first_released(steps, self.groups[role], self.released)
        with torch.no_grad():
            device = next(network.parameters()).device
            x = tunable.prepare(network, excerpt, augmentation=augmentation, device=device)
        parts = [run_steps(steps, part, constant=constant) for part in torch.split(x, self.chunk)]
        return torch.cat(parts).float()


def run_steps(steps: Sequence[Step], x: Tensor, *, constant: int) -> Tensor:
    """Run the first `constant` steps without a graph, and the others so that backward computes them again.

    Parameters
    ----------
    steps : of a network without dropout or other chance
    x : (n, ...), input of the first step
    """
    with torch.no_grad():
        x = _run(steps[:constant], x)
    rest = steps[constant:]
    if not rest or not torch.is_grad_enabled():
        return _run(rest, x)
    return cast(Tensor, checkpoint(_run, rest, x, use_reentrant=False, preserve_rng_state=False))


def _run(steps: Sequence[Step], x: Tensor) -> Tensor:
    for _, step in steps:
        x = step(x)
    return x


def set_head_dropout(fusion: nn.Module, probability: float) -> None:
    """Set the dropout before the linear layers of the regression head (GRJCA paper section 2.2: 0.8).

    Raises
    ------
    ValueError
        The fusion system has no head with dropout.
    """
    found = [
        module
        for name, module in fusion.named_modules()
        if isinstance(module, nn.Dropout) and "head" in name.split(".")
    ]
    if not found:
        raise ValueError(f"{type(fusion).__name__} has no dropout in a module named `head`")
    for module in found:
        module.p = probability
