"""A trained fold: the network with its standardisation, in one safetensors file, and what it predicts for a trial."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from pipeline.models.build import build_network
from pipeline.models.config import ModelConfig
from pipeline.models.fold_file import read_fold, write_fold
from pipeline.models.fusion_model import FusionOutput
from pipeline.models.overlap import overlap_average
from pipeline.models.standardise import Standardise
from pipeline.models.views import centre_view
from pipeline.models.windows import Windows, cut_windows, kept_frames

INFERENCE_BATCH = 32
"""Windows at a time in prediction; fixed, so that predictions do not depend on the training batch."""


class StandardisedNetwork(nn.Module):
    """A fusion system that takes raw features: standardises each stream with the training folds' statistics first."""

    def __init__(self, *, standardise: Mapping[str, Standardise], model: nn.Module) -> None:
        super().__init__()
        self.standardise = nn.ModuleDict(dict(standardise))
        self.model = model

    def forward(self, streams: Mapping[str, Tensor], mask: Tensor) -> FusionOutput:
        """Predict from raw features, each (b, t, d_m), and mask (b, t)."""
        return cast(FusionOutput, self.model({role: self.standardise[role](x) for role, x in streams.items()}, mask))


class SeparateTargets(nn.Module):
    """One network for each target, their predictions side by side; attention gains the target's name.

    Parameters
    ----------
    networks : by target, in the order of the labels
    """

    def __init__(self, networks: Mapping[str, StandardisedNetwork]) -> None:
        super().__init__()
        self.networks = nn.ModuleDict(dict(networks))

    def forward(self, streams: Mapping[str, Tensor], mask: Tensor) -> FusionOutput:
        """Predict from raw features, each (b, t, d_m), and mask (b, t)."""
        outputs: dict[str, FusionOutput] = {target: network(streams, mask) for target, network in self.networks.items()}
        return FusionOutput(
            predictions=torch.cat([output.predictions for output in outputs.values()], dim=-1),
            features=torch.cat([output.features for output in outputs.values()], dim=-1),
            attention={
                f"{name}_{target}": values
                for target, output in outputs.items()
                for name, values in output.attention.items()
            },
        )


@dataclass(frozen=True)
class FramePredictions:
    """What a model predicts for each frame of a trial.

    Parameters
    ----------
    predictions : (T, k) float32, all NaN at frames that were left out
    attention : for each name (T, ...), averaged over the windows that cover a frame
    """

    predictions: npt.NDArray[np.float32]
    attention: dict[str, npt.NDArray[np.float32]]


@dataclass(frozen=True)
class TrainedFold:
    """One fold of one model.

    Parameters
    ----------
    network : takes raw features by role
    metadata : model and training sections, roles and widths, targets and ranges, fold, seed, epochs
    """

    network: StandardisedNetwork | SeparateTargets
    metadata: dict[str, Any]

    def save(self, path: Path) -> None:
        """Write weights, statistics and metadata; the same fold gives the same bytes."""
        write_fold(path, self.network.state_dict(), self.metadata, kind="trained fold")

    @classmethod
    def load(cls, path: Path) -> "TrainedFold":
        """Read a fold written by `save`, in evaluation mode on the CPU.

        Raises
        ------
        InputError
            The file is missing, damaged, no trained fold, or of another schema.
        """
        tensors, metadata = read_fold(path, kind="trained fold")
        network = untrained_network(metadata)
        network.load_state_dict(tensors)
        return cls(network.eval(), metadata)

    def predict(
        self,
        streams: Mapping[str, npt.NDArray[Any]],
        *,
        device: torch.device | None = None,
        labels: npt.NDArray[np.float32] | None = None,
    ) -> FramePredictions:
        """Predict every frame of one trial: windows, standardisation and the mean of overlapping windows included.

        Parameters
        ----------
        streams : (T, d_m) for each role; where it was trained on several views, all of them (v, T, d_m), or the centre
            alone. The centre is what it predicts from
        device : where to compute; the CPU unless given
        labels : (T, k), NaN where un-annotated: a fold trained with ``gaps: compact`` leaves out the frames on which no
            target is annotated, unless that is all of them; any other fold predicts every frame, and so does any where
            this is not given

        Raises
        ------
        ValueError
            A stream is missing, or its width or number of views is not the one that the fold was trained on.
        """
        expected = self.metadata["in_features"]
        given = {role: array.shape[-1] for role, array in streams.items()}
        if given != expected:
            raise ValueError(f"the fold was trained on streams of widths {expected}, got {given}")
        views: dict[str, list[str]] = self.metadata["views"]
        for role, array in streams.items():
            if array.ndim == 3 and len(array) != len(views.get(role, ())):
                known = ", ".join(views.get(role, ["centre"]))
                raise ValueError(f"the fold was trained on the views {known} of {role}, got {len(array)} views")
        device = device or torch.device("cpu")
        frames = next(iter(streams.values())).shape[-2]
        training = self.metadata["training"]
        kept = np.arange(frames)
        if labels is not None and not np.isnan(labels).all():
            kept = kept[kept_frames(labels, gaps=training["gaps"])]
        windows = cut_windows([np.arange(len(kept))], window=training["window"], hop=training["hop"])
        tensors = {
            role: torch.from_numpy(np.ascontiguousarray(centre_view(array)[kept])).to(device)
            for role, array in streams.items()
        }
        self.network.to(device).eval()
        averaged = predict_frames(self.network, tensors, windows, frames=len(kept), attention=True)
        full = {
            name: np.full((frames, *values.shape[1:]), np.nan, dtype=np.float32) for name, values in averaged.items()
        }
        for name, values in averaged.items():
            full[name][kept] = values.cpu().numpy()
        return FramePredictions(full.pop("predictions"), full)


def load_encoder(network: StandardisedNetwork, *, role: str, trained: Path, targets: Sequence[str]) -> None:
    """Start the temporal encoder of `role` from a trained unimodal fold (the papers' 2-stage training).

    Parameters
    ----------
    network : changed in place
    role : of the stream, in `network`
    trained : file of the unimodal fold; where it holds one network per target, the one for `targets` is taken
    targets : what `network` predicts
    """
    source = TrainedFold.load(trained).network
    if isinstance(source, SeparateTargets):
        source = cast(StandardisedNetwork, source.networks[targets[0]])
    (encoder,) = cast(nn.ModuleDict, source.model.encoders).values()
    cast(nn.ModuleDict, network.model.encoders)[role].load_state_dict(encoder.state_dict())


def untrained_network(metadata: Mapping[str, Any]) -> StandardisedNetwork | SeparateTargets:
    """Build the network that a fold's metadata describes, whose numbers are yet to be loaded."""
    ranges = [tuple(limits) for limits in metadata["ranges"]]
    if metadata["training"]["targets"] == "separate":
        pairs = zip(metadata["targets"], ranges, strict=True)
        return SeparateTargets({target: _untrained(metadata, [limits]) for target, limits in pairs})
    return _untrained(metadata, ranges)


def _untrained(metadata: Mapping[str, Any], ranges: Sequence[tuple[float, float]]) -> StandardisedNetwork:
    widths: dict[str, int] = metadata["in_features"]
    config = ModelConfig.model_validate_json(json.dumps(metadata["model"]))
    return StandardisedNetwork(
        standardise={role: Standardise(mean=torch.zeros(d), std=torch.ones(d)) for role, d in widths.items()},
        model=build_network(config, in_features=widths, length=metadata["training"]["window"], ranges=ranges),
    )


@torch.no_grad()
def predict_frames(
    network: nn.Module,
    streams: Mapping[str, Tensor],
    windows: Windows,
    *,
    frames: int,
    attention: bool = False,
    rows: Tensor | None = None,
) -> dict[str, Tensor]:
    """Run a network over windows and average its predictions of each frame.

    Parameters
    ----------
    network : in evaluation mode, on the streams' device
    streams : (frames, d_m) for each role
    windows : which frames each window holds
    frames : rows of the result
    rows : (frames,), where the streams have each frame; unless given, they hold these frames alone, in order
    attention : whether to keep what the network gives besides predictions. Entries that hold a value per frame are
        averaged like predictions; maps of frames against frames belong to one window and are left out.

    Returns
    -------
    ``predictions`` (frames, k), and each kept entry by name (frames, ...).
    """
    device = next(iter(streams.values())).device
    index = torch.from_numpy(windows.index).to(device)
    mask = torch.from_numpy(windows.mask).to(device)
    collected: dict[str, list[Tensor]] = {}
    for start in range(0, len(index), INFERENCE_BATCH):
        batch = slice(start, start + INFERENCE_BATCH)
        place = index[batch] if rows is None else rows[index[batch]]
        output: FusionOutput = network({role: x[place].float() for role, x in streams.items()}, mask[batch])
        collected.setdefault("predictions", []).append(output.predictions.float())
        if attention:
            length = index.shape[1]
            for name, values in output.attention.items():
                if values.shape[1:2] == (length,) and length not in values.shape[2:]:
                    collected.setdefault(name, []).append(values.float())
    return {name: overlap_average(torch.cat(parts), index, mask, frames) for name, parts in collected.items()}
