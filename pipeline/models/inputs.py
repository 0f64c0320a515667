"""What training and evaluation read alike: the feature stores of a model's streams, checked against the clips."""

from collections.abc import Sequence

from pipeline.clips.manifest import read_manifest
from pipeline.features.store import FeatureStore
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
