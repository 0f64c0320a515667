"""What training and evaluation read alike: the feature stores of a model's streams, checked against the clips."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.clips.manifest import read_manifest
from pipeline.features.store import Features, FeatureStore
from pipeline.models.build import stream_roles
from pipeline.runtime.layout import FEATURES, MANIFEST


def open_streams(streams: Sequence[str]) -> dict[str, FeatureStore]:
    """Open the feature store of each stream, by the stream's role in the model.

    Raises
    ------
    InputError
        A store is missing, or lacks a trial of the manifest, or has one too many.
    """
    trials = [row.trial for row in read_manifest(MANIFEST)]
    stores = [FeatureStore.open(FEATURES / f"{stream}.zarr") for stream in streams]
    for store in stores:
        store.check(trials)
    return dict(zip(stream_roles([store.attributes["modality"] for store in stores]), stores, strict=True))


def missing_face(trials: Iterable[Features]) -> npt.NDArray[Any] | None:
    """Return the embedding (d_m,) that frames without a face share: that of a black picture; None if all have a face.

    Parameters
    ----------
    trials : of a stream of faces, of one view or several
    """
    for trial in trials:
        absent = np.flatnonzero(~trial.valid)
        if len(absent):
            return np.array(trial.embedding.reshape(-1, trial.embedding.shape[-1])[absent[0]])
    return None
