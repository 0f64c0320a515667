"""Features and predictions for other programs: one HDF5 file, or a folder of CSV tables.

==========  ==============================================  =====================================================
what        HDF5                                            CSV
==========  ==============================================  =====================================================
features    ``<backbone>/<trial>/embedding, time, valid``   ``<backbone>/<trial>.csv``: time, valid, f0, f1, ...
predictions ``<model>/<part>/<trial>/predictions, ...``     ``<model>/<part>/<trial>.csv``: time, targets, labels
==========  ==============================================  =====================================================

`part` is validation or test. The same stores give the same bytes. Features in several views have a dataset ``views``
with their names, or in CSV a first column ``view`` and a row for every view and frame.
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from pipeline.evaluation.predictions import TrialPrediction, read_frames
from pipeline.features.store import FeatureStore
from pipeline.features.views import views_of
from pipeline.runtime.errors import AffectflowError, InputError, Problem
from pipeline.runtime.files import replacing, replacing_file
from pipeline.runtime.hdf5 import create_hdf5

Format = Literal["hdf5", "csv"]
Table = tuple[Sequence[str], Iterable[Sequence[object]]]
"""Names of the columns, and the rows."""

DIGITS = "%.9g"
"""Enough digits to tell any two float32 numbers apart."""


def export_features(stores: Mapping[str, Path], destination: Path, *, format: Format) -> int:
    """Write all trials of feature stores; return how many there were.

    Parameters
    ----------
    stores : path of each store by backbone
    destination : file (``hdf5``) or folder (``csv``), which must not exist
    format : which of the two

    Raises
    ------
    AffectflowError
        There is something at `destination`, or there is no store.
    """
    _refuse(destination, stores, remedy="run `dvc repro` first")

    def trials() -> Iterator[tuple[str, dict[str, npt.NDArray[Any]]]]:
        for backbone, path in sorted(stores.items()):
            store = FeatureStore.open(path)
            for trial in store.trials:
                features = store.read(trial)
                arrays: dict[str, npt.NDArray[Any]]
                arrays = {"embedding": features.embedding, "time": features.time, "valid": features.valid}
                if features.embedding.ndim == 3:
                    arrays["views"] = np.array(views_of(store), dtype=np.bytes_)
                yield f"{backbone}/{trial}", arrays

    return _write(trials(), destination, format=format, table=_feature_table)


def export_predictions(models: Mapping[str, Path], destination: Path, *, format: Format) -> int:
    """Write every model's validation and test predictions; return how many trials there were.

    Parameters
    ----------
    models : path of each model's frames.h5 by its name
    destination : file (``hdf5``) or folder (``csv``), which must not exist
    format : which of the two

    Raises
    ------
    AffectflowError
        There is something at `destination`, or there are no predictions.
    """
    _refuse(destination, models, remedy="run `dvc repro` first")
    targets: dict[str, tuple[str, ...]] = {}

    def trials() -> Iterator[tuple[str, dict[str, npt.NDArray[Any]]]]:
        for model, path in sorted(models.items()):
            frames = read_frames(path)
            targets[model] = frames.targets
            for part, predictions in (("validation", frames.validation), ("test", frames.test)):
                for trial, prediction in sorted(predictions.items()):
                    yield f"{model}/{part}/{trial}", _arrays(prediction)

    def table(name: str, arrays: Mapping[str, npt.NDArray[Any]]) -> Table:
        names = targets[name.split("/")[0]]
        labels, further = arrays.get("labels"), arrays.get("further_repeats", ())
        columns = ["time", *names, *(f"{target}_label" for target in names if labels is not None)]
        columns += [f"{target}_repeat{number}" for number in range(1, 1 + len(further)) for target in names]
        parts = [arrays["time"][:, None], arrays["predictions"], *([] if labels is None else [labels]), *further]
        return columns, ([_text(value) for value in row] for row in np.concatenate(parts, axis=1))

    return _write(trials(), destination, format=format, table=table, attributes={"targets": targets})


def _arrays(prediction: TrialPrediction) -> dict[str, npt.NDArray[Any]]:
    arrays: dict[str, npt.NDArray[Any]] = {"time": prediction.time, "predictions": prediction.predictions}
    if prediction.labels is not None:
        arrays["labels"] = prediction.labels
    if prediction.further:
        arrays["further_repeats"] = np.stack(prediction.further)
    return arrays | {f"attention/{name}": values for name, values in prediction.attention.items()}


def _feature_table(name: str, arrays: Mapping[str, npt.NDArray[Any]]) -> Table:
    embedding = arrays["embedding"]
    columns = ["time", "valid", *(f"f{number}" for number in range(embedding.shape[-1]))]
    if "views" not in arrays:
        return columns, _feature_rows(arrays, embedding)
    views = zip(arrays["views"].astype(str), embedding, strict=True)
    return ["view", *columns], ([view, *row] for view, plane in views for row in _feature_rows(arrays, plane))


def _feature_rows(arrays: Mapping[str, npt.NDArray[Any]], embedding: npt.NDArray[Any]) -> Iterator[Sequence[object]]:
    rows = zip(arrays["time"], arrays["valid"], embedding, strict=True)
    return ([_text(time), int(valid), *map(_text, row)] for time, valid, row in rows)


def _text(value: float) -> str:
    return "" if np.isnan(value) else DIGITS % value


def _write(
    trials: Iterable[tuple[str, Mapping[str, npt.NDArray[Any]]]],
    destination: Path,
    *,
    format: Format,
    table: Callable[[str, Mapping[str, npt.NDArray[Any]]], Table],
    attributes: Mapping[str, Mapping[str, Sequence[str]]] | None = None,
) -> int:
    """Write each trial, named by its path; `attributes` hold values for each first part of a name."""
    names = []
    if format == "csv":
        with replacing(destination) as folder:
            for name, arrays in trials:
                _write_table(folder / f"{name}.csv", table(name, arrays))
                names.append(name)
        return len(names)
    with replacing_file(destination) as fresh, create_hdf5(fresh, libver=("earliest", "v110")) as file:
        for name, arrays in trials:
            for array, values in arrays.items():
                file.create_dataset(f"{name}/{array}", data=values, track_times=False)
            names.append(name)
        for attribute, by_group in (attributes or {}).items():
            for group, value in by_group.items():
                file[group].attrs[attribute] = list(value)
    return len(names)


def _write_table(path: Path, table: Table) -> None:
    columns, rows = table
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def _refuse(destination: Path, sources: Mapping[str, Path], *, remedy: str) -> None:
    if destination.exists():
        raise AffectflowError(f"{destination} exists already; choose another path, or remove it")
    missing = [Problem("missing", file=str(path), remedy=remedy) for path in sources.values() if not path.exists()]
    if missing or not sources:
        raise InputError("nothing to export", missing or [Problem("no results yet", remedy=remedy)])
