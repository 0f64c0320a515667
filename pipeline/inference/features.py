"""Embedding a recording with a model's backbones, in pieces that run side by side.

Where the embedding of a frame depends on its face alone, a clip is cut after whole batches: each batch then holds the
faces that it would hold in the extract stage, and the embeddings have the same bytes, on any number of cores.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.backbones.common.crops import clip_in_view, crop_size
from pipeline.backbones.common.embed import Precision, inference_network
from pipeline.backbones.common.interface import is_framewise, load_backbone
from pipeline.backbones.common.weights import Weights
from pipeline.features.store import as_stored
from pipeline.inference.recording import Person, StoredClip
from pipeline.models.recipe import StreamRecipe
from pipeline.runtime.device import current_device

PIECE = 256
"""Frames of a piece, about: ten seconds of video, some seconds of work."""


@dataclass(frozen=True)
class Piece:
    """Some frames of one stream.

    Parameters
    ----------
    clip : whose frames
    first, last : frames from `first` up to `last`
    stream, weights, precision : with what they are embedded
    out : file of the result
    """

    clip: StoredClip
    first: int
    last: int
    stream: StreamRecipe
    weights: Weights
    precision: Precision
    out: Path


Plan = dict[tuple[int, str], list[Piece]]
"""Pieces by person's place and role."""


def embed_piece(piece: Piece) -> None:
    """Write the embeddings (t, d_m) of a piece, as the extract stage stores them."""
    backbone = load_backbone(piece.stream.backbone)
    device = current_device()
    network = inference_network(piece.stream.backbone, piece.weights, piece.precision, str(device))
    clip = clip_in_view(piece.clip.load(piece.first, piece.last), "centre", crop=crop_size(backbone))
    embedding = backbone.embed(network, clip, batch=piece.stream.batch, device=device)
    np.save(piece.out, as_stored(embedding, piece.stream.store))


def cut_pieces(valid: npt.NDArray[np.bool_], *, batch: int, framewise: bool) -> list[tuple[int, int]]:
    """Return first frame and end of each piece of a clip.

    Parameters
    ----------
    valid : (t,) which frames show a face
    batch : faces at a time
    framewise : whether the clip may be cut at all
    """
    faces = np.flatnonzero(valid)
    step = batch * max(1, PIECE // batch)
    starts = [0, *faces[step::step].tolist()] if framewise else [0]
    return list(zip(starts, [*starts[1:], len(valid)], strict=True))


def plan_pieces(
    people: tuple[Person, ...],
    streams: Mapping[str, StreamRecipe],
    *,
    weights: Mapping[str, Weights],
    precision: Callable[[StreamRecipe], Precision],
    work: Path,
) -> Plan:
    """Return the pieces of each person's streams, by person's place and role; a sound is embedded once for all.

    Parameters
    ----------
    people : of a recording
    streams, weights : of the model, by role
    precision : in which a stream's network computes
    work : folder for the results
    """
    plan: Plan = {}
    for place, person in enumerate(people):
        for role, stream in streams.items():
            if stream.modality == "audio" and place > 0:
                plan[place, role] = plan[0, role]
                continue
            framewise = is_framewise(load_backbone(stream.backbone))
            plan[place, role] = [
                Piece(
                    clip=person.clip,
                    first=first,
                    last=last,
                    stream=stream,
                    weights=weights[role],
                    precision=precision(stream),
                    out=work / f"{place}-{role}-{number}.npy",
                )
                for number, (first, last) in enumerate(
                    cut_pieces(person.valid, batch=stream.batch, framewise=framewise)
                )
            ]
    return plan


def read_pieces(pieces: list[Piece]) -> npt.NDArray[Any]:
    """Join what `embed_piece` wrote, (t, d_m)."""
    # Mapped: two copies of hours of embeddings are not needed.
    return np.concatenate([np.load(piece.out, mmap_mode="r") for piece in pieces])
