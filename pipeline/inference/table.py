"""The CSV of one person's predictions: a row per frame."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.evaluate import Combined
from pipeline.evaluation.predictions import NUMBER

PIXELS = "%.2f"
MOST_VALUES = 32
"""Numbers per frame up to which an attention array has columns: gates and reliabilities do, maps do not."""


def write_table(
    path: Path,
    said: Combined,
    *,
    time: NDArray[np.float64],
    targets: Sequence[str],
    boxes: NDArray[np.float64] | None,
) -> None:
    """Write time, targets, face and attention of each frame.

    Parameters
    ----------
    said : (t, k) predictions and attention arrays (t, ...)
    time : (t,) s
    targets : names of the k columns
    boxes : (t, 3) centre x, centre y and side of the face, NaN without one; None where the model reads no faces
    """
    # The targets are written as in predictions/<model>/<trial>.txt: equal predictions are equal text.
    columns: list[tuple[str, NDArray[np.floating], str]] = [("time", time, NUMBER)]
    columns += [(target, said.predictions[:, place], NUMBER) for place, target in enumerate(targets)]
    if boxes is not None:
        half = boxes[:, 2] / 2
        columns += [
            ("face_valid", (~np.isnan(boxes[:, 0])).astype(np.float64), "%d"),
            ("face_left", boxes[:, 0] - half, PIXELS),
            ("face_top", boxes[:, 1] - half, PIXELS),
            ("face_side", boxes[:, 2], PIXELS),
        ]
    columns += [(name, values, NUMBER) for name, values in attention_columns(said).items()]
    forms = [form for _, _, form in columns]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(name for name, _, _ in columns)
        for row in zip(*(values for _, values, _ in columns), strict=True):
            writer.writerow("" if np.isnan(value) else form % value for value, form in zip(row, forms, strict=True))


def attention_columns(said: Combined) -> dict[str, NDArray[np.floating]]:
    """Return each number per frame of the attention arrays, (t,), by the column's name.

    An array (t, 2, 3) called ``audio`` has the columns ``attention_audio_0_0`` to ``attention_audio_1_2``.
    """
    columns = {}
    for name in sorted(said.attention):
        values = np.asarray(said.attention[name])
        if np.prod(values.shape[1:], dtype=int) <= MOST_VALUES:
            for place in np.ndindex(*values.shape[1:]):
                columns["_".join(["attention", name, *map(str, place)])] = values[(slice(None), *place)]
    return columns
