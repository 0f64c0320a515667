"""A fine-tuned fold: the fusion model, and of its backbones what has changed, in one safetensors file."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from pipeline.backbones.common.interface import load_backbone
from pipeline.backbones.common.weights import Weights
from pipeline.clips.clip import Clip
from pipeline.finetuning.network import EndToEndNetwork
from pipeline.finetuning.task import StreamSource
from pipeline.models.fold_file import read_fold, write_fold
from pipeline.models.trained import (
    FramePredictions,
    SeparateTargets,
    StandardisedNetwork,
    TrainedFold,
    untrained_network,
)
from pipeline.runtime.errors import InputError, Problem
from pipeline.training.checkpoint import assign_tensors


@dataclass(frozen=True)
class FinetunedFold:
    """One fold of one fine-tuned model.

    Parameters
    ----------
    network : from faces and sound to the targets
    streams : source of each role's features
    metadata : the trained fold's, and what fine-tuning added to it
    """

    network: EndToEndNetwork
    streams: Mapping[str, StreamSource]
    metadata: dict[str, Any]

    def predict(
        self, clip: Clip, *, device: torch.device | None = None, labels: npt.NDArray[np.float32] | None = None
    ) -> FramePredictions:
        """Predict every frame of a clip: each is embedded once, then windows are cut as for any trained fold.

        Parameters
        ----------
        clip : with faces and audio
        device : where to compute; the CPU unless given
        labels : (T, k), NaN where un-annotated, as for `TrainedFold.predict`
        """
        device = device or torch.device("cpu")
        self.network.to(device).eval()
        streams = {
            role: load_backbone(source.backbone).embed(
                self.network.backbones[role], clip, batch=source.batch, device=device
            )
            for role, source in self.streams.items()
        }
        return TrainedFold(self.network.fusion, self.metadata).predict(streams, device=device, labels=labels)

    def save(self, path: Path) -> None:
        """Write the fusion model, and of the backbones what differs from where fine-tuning started."""
        tensors = {f"fusion.{name}": tensor for name, tensor in self.network.fusion.state_dict().items()}
        for role, source in self.streams.items():
            start = load_backbone(source.backbone).build(source.weights).state_dict()
            tensors |= {
                f"backbones.{role}.{name}": tensor
                for name, tensor in self.network.backbones[role].state_dict().items()
                if not torch.equal(tensor.cpu(), start[name])
            }
        sources = {
            role: {"backbone": source.backbone, "weights": source.weights.identity, "batch": source.batch}
            for role, source in self.streams.items()
        }
        write_fold(path, tensors, {**self.metadata, "sources": sources}, kind="fine-tuned fold")

    @classmethod
    def load(cls, path: Path, weights: Mapping[str, Weights]) -> "FinetunedFold":
        """Read a fold written by `save`, in evaluation mode on the CPU.

        Parameters
        ----------
        path : the file
        weights : that fine-tuning started from, by the backbone's name

        Raises
        ------
        InputError
            The file is missing, damaged, no fine-tuned fold, or of another schema; or the weights of backbones are not
            those that fine-tuning started from.
        """
        tensors, metadata = read_fold(path, kind="fine-tuned fold")
        sources: dict[str, dict[str, Any]] = metadata.pop("sources")
        streams = {
            role: StreamSource(source["backbone"], weights[source["backbone"]], source["batch"])
            for role, source in sources.items()
        }
        problems = [
            Problem(
                f"{role}: fine-tuned from {sources[role]['weights']}, given {source.weights.identity}", file=str(path)
            )
            for role, source in streams.items()
            if source.weights.identity != sources[role]["weights"]
        ]
        if problems:
            raise InputError("the backbones' weights are not those that fine-tuning started from", problems)
        network = join_backbones(streams, untrained_network(metadata), chunk=metadata["finetune"]["chunk"])
        assign_tensors(network, tensors)
        return cls(network.eval(), streams, metadata)


def join_backbones(
    streams: Mapping[str, StreamSource],
    fusion: StandardisedNetwork | SeparateTargets,
    *,
    chunk: int,
    groups: Mapping[str, int] | None = None,
) -> EndToEndNetwork:
    """Build the backbones of `streams` and join them with `fusion`; `chunk`, `groups`: see `EndToEndNetwork`."""
    network = EndToEndNetwork(
        backbones={role: load_backbone(source.backbone).build(source.weights) for role, source in streams.items()},
        names={role: source.backbone for role, source in streams.items()},
        fusion=fusion,
        chunk=chunk,
        groups=groups,
    )
    # Channels last is the layout that the convolution libraries compute in.
    network.backbones.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network
