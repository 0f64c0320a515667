"""The file of a trained or fine-tuned fold: tensors and one record of metadata, in safetensors."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from pipeline.runtime.reading import reading

SCHEMA = 1

Kind = Literal["trained fold", "fine-tuned fold"]


def write_fold(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, Any], *, kind: Kind) -> None:
    """Write a fold's tensors and metadata; equal folds give equal bytes."""
    # One entry only: safetensors does not keep the order of several. The order inside it is kept on purpose: the
    # streams' order is that of the joint features.
    kept = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    record = {"kind": kind, "schema": SCHEMA, **metadata}
    save_file(kept, path, metadata={"affectflow": json.dumps({"sha256": _digest(record, kept), **record})})


def read_fold(path: Path, *, kind: Kind) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors, on the CPU, and the metadata that `write_fold` wrote.

    Raises
    ------
    InputError
        The file is missing, damaged, or of another kind or schema.
    """
    with reading(path, what=f"a {kind} cannot be read", remedy="run `dvc repro`"):
        try:
            with safe_open(path, framework="pt") as file:
                record = json.loads((file.metadata() or {}).get("affectflow", "{}"))
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no mapping)
        except SafetensorError as error:
            raise ValueError(str(error)) from error
        digest = record.pop("sha256", None)
        if (record.get("kind"), record.get("schema")) != (kind, SCHEMA):
            raise ValueError(f"it is not a {kind} of schema {SCHEMA}")
        if _digest(record, tensors) != digest:
            raise ValueError("its checksum differs")
    del record["kind"], record["schema"]
    return tensors, record


def _digest(record: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256(json.dumps(record).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\0".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
