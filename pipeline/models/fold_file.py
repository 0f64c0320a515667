"""The file of a trained or fine-tuned fold: tensors and one record of metadata, in safetensors."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

SCHEMA = 1

Kind = Literal["trained fold", "fine-tuned fold"]


def write_fold(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, Any], *, kind: Kind) -> None:
    """Write a fold's tensors and metadata; equal folds give equal bytes."""
    # One entry only: safetensors does not keep the order of several. The order inside it is kept on purpose: the
    # streams' order is that of the joint features.
    record = json.dumps({"kind": kind, "schema": SCHEMA, **metadata})
    save_file(
        {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()},
        path,
        metadata={"affectflow": record},
    )


def read_fold(path: Path, *, kind: Kind) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors, on the CPU, and the metadata that `write_fold` wrote.

    Raises
    ------
    ValueError
        The file is of another kind or schema.
    """
    with safe_open(path, framework="pt") as file:
        record = json.loads((file.metadata() or {}).get("affectflow", "{}"))
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (safe_open is no mapping)
    found = record.pop("kind", None), record.pop("schema", None)
    if found != (kind, SCHEMA):
        raise ValueError(f"{path} is not a {kind} of schema {SCHEMA}; recompute it with `dvc repro`")
    return tensors, record
