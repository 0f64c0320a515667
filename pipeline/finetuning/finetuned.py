"""A fine-tuned fold: the fusion system and what has changed in its backbones, in one safetensors file."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from pipeline.backbones.common.interface import load_backbone
from pipeline.backbones.common.weights import Weights
from pipeline.clips.clip import Clip
from pipeline.finetuning.model import EndToEnd
from pipeline.models.trained import FramePredictions, TrainedFold, untrained_network
from pipeline.runtime.errors import InputError, Problem

SCHEMA = 1


@dataclass(frozen=True)
class StreamSource:
    """Where a stream's backbone comes from.

    Parameters
    ----------
    backbone : name of its module
    weights : that tuning started from
    batch : frames at a time where nothing is learnt
    """

    backbone: str
    weights: Weights
    batch: int


@dataclass(frozen=True)
class FinetunedFold:
    """One fold of one fine-tuned model.

    Parameters
    ----------
    network : from faces and sound to the targets
    streams : source of each role's backbone
    metadata : the trained fold's, and what tuning added to it
    """

    network: EndToEnd
    streams: Mapping[str, StreamSource]
    metadata: dict[str, Any]

    def predict(
        self, clip: Clip, *, device: torch.device | None = None, keep: npt.NDArray[np.bool_] | None = None
    ) -> FramePredictions:
        """Predict every frame of a clip: each is embedded once, then windows are cut as for any trained fold.

        Parameters
        ----------
        clip : with faces and audio
        device : where to compute; the CPU unless given
        keep : (T,), frames to look at, all unless given
        """
        device = device or torch.device("cpu")
        self.network.to(device).eval()
        streams = {
            role: load_backbone(source.backbone).embed(
                self.network.backbones[role], clip, batch=source.batch, device=device
            )
            for role, source in self.streams.items()
        }
        return TrainedFold(self.network.fusion, self.metadata).predict(streams, device=device, keep=keep)

    def save(self, path: Path) -> None:
        """Write the fusion system, and of the backbones what differs from where tuning started."""
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
        record = {"schema": SCHEMA, **self.metadata, "sources": sources}
        save_file(
            {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()},
            path,
            metadata={"affectflow_finetuned": json.dumps(record)},
        )

    @classmethod
    def load(cls, path: Path, weights: Mapping[str, Weights]) -> "FinetunedFold":
        """Read a fold written by `save`, in evaluation mode on the CPU.

        Parameters
        ----------
        path : the file
        weights : that tuning started from, by the backbone's name

        Raises
        ------
        ValueError
            The file is no fine-tuned fold, or of another schema.
        InputError
            Lists the backbones whose weights are not those that tuning started from.
        """
        with safe_open(path, framework="pt") as file:
            metadata = json.loads((file.metadata() or {}).get("affectflow_finetuned", "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (safe_open is no mapping)
        if metadata.pop("schema", None) != SCHEMA:
            raise ValueError(f"{path} is not a fine-tuned fold of schema {SCHEMA}; tune it again with `dvc repro`")
        sources: dict[str, dict[str, Any]] = metadata.pop("sources")
        streams = {
            role: StreamSource(source["backbone"], weights[source["backbone"]], source["batch"])
            for role, source in sources.items()
        }
        problems = [
            Problem(f"{role}: tuned from {sources[role]['weights']}, given {source.weights.identity}", file=str(path))
            for role, source in streams.items()
            if source.weights.identity != sources[role]["weights"]
        ]
        if problems:
            raise InputError("the backbones' weights are not those that tuning started from", problems)
        network = assemble_network(streams, untrained_network(metadata), chunk=metadata["finetune"]["chunk"])
        state = network.state_dict()
        for name, tensor in tensors.items():
            state[name].copy_(tensor)
        return cls(network.eval(), streams, metadata)


def assemble_network(
    streams: Mapping[str, StreamSource],
    fusion: Any,
    *,
    chunk: int,
    groups: Mapping[str, int] | None = None,
) -> EndToEnd:
    """Build the backbones of `streams` and join them with `fusion`."""
    backbones = {role: load_backbone(source.backbone).build(source.weights) for role, source in streams.items()}
    network = EndToEnd(
        backbones=backbones,
        names={role: source.backbone for role, source in streams.items()},
        fusion=fusion,
        chunk=chunk,
        groups=groups,
    )
    # Channels last is the layout that the convolution libraries compute in.
    network.backbones.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network
