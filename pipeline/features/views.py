"""The view dimension of a feature store: a trial whose frames were embedded in more than one way.

Such a trial has an `embedding` (view, frame, feature), whose chunks hold frames of one view each, and the attribute
`views` with their names in order; the store has it as well. Time and validity are those of any trial.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.features.store import FeatureStore
from pipeline.features.trial_file import FILE, read_arrays, read_attributes, write_arrays

CENTRE_ALONE = ("centre",)


def views_of(store: FeatureStore) -> tuple[str, ...]:
    """Return the names of a store's views, in the order of its embeddings' first dimension.

    A store of one view has embeddings (frame, feature) and does not name it: it is the centre.
    """
    return tuple(store.attributes.get("views", CENTRE_ALONE))


@dataclass(frozen=True)
class ViewJoin:
    """The views of one trial.

    Parameters
    ----------
    parts : name of each view with the directory that `write_trial` wrote to; no path where the join is there already
    """

    parts: tuple[tuple[str, Path | None], ...]


def join_views(task: ViewJoin, directory: Path) -> None:
    """Write the trial's file with all its views to `directory`.

    Raises
    ------
    ValueError
        A view is not there, or the views differ in shape.
    """
    absent = [view for view, path in task.parts if path is None]
    if absent:
        raise ValueError(f"no features of the views {', '.join(absent)}")
    paths = {view: path for view, path in task.parts if path is not None}
    trials = {view: (path / FILE).read_bytes() for view, path in paths.items()}
    parts = {view: read_arrays(content) for view, content in trials.items()}
    embeddings = {view: part["embedding"] for view, part in parts.items()}
    if len({embedding.shape for embedding in embeddings.values()}) > 1:
        shapes = ", ".join(f"{view} {embedding.shape}" for view, embedding in embeddings.items())
        raise ValueError(f"the views of a trial have the same frames and features, got {shapes}")
    first = next(iter(paths))
    attributes = {**read_attributes(trials[first]), "views": list(paths)}
    arrays = parts[first] | {"embedding": np.stack(list(embeddings.values()))}
    write_arrays(directory / FILE, arrays, attributes=attributes)
