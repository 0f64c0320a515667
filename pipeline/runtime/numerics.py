"""Portable numerics: one code path through every numeric library, so that any x86-64 processor gives the same bytes.

The libraries choose their kernels by the processor when they are loaded: with AVX-512 sums are formed in another order
than with AVX2, and MKL takes other paths on another vendor's processor. The settings below hold them to AVX2. They
cannot be changed afterwards, so a stage calls `fix_numerics` before anything else, and worker processes inherit them.
"""

import os
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from pipeline.runtime.errors import ConfigError
from pipeline.runtime.section import read_yaml

THREADS: Mapping[str, str] = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""One thread: a sum's last bit must not depend on the number of cores."""

PORTABLE: Mapping[str, str] = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_CBWR": "COMPATIBLE",
    "OPENBLAS_CORETYPE": "Haswell",
    # The names of NumPy 2.4 and those before; it ignores the ones that it does not know.
    "NPY_DISABLE_CPU_FEATURES": (
        "X86_V4 AVX512_ICL AVX512_SPR AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_KNL AVX512_KNM"
    ),
}
"""What holds torch, oneDNN, MKL, OpenBLAS and NumPy to AVX2 and to one path through it."""

LIBRARIES = ("numpy", "torch")
"""Where one of these is loaded, the settings come too late."""

DISPATCHED = frozenset({"X86_V3", "AVX2", "FMA3", "F16C", "AVX", "SSE41", "SSE42", "SSSE3", "POPCNT", "X86_V2"})
"""What NumPy may choose at run time under portable numerics: nothing beyond AVX2."""

REMEDY = "set `compute: {numerics: native}` in params.yaml"


def fix_numerics(params: str | Path) -> None:
    """Apply `compute.numerics` of a params.yaml to this process and its children.

    Nothing happens where a numeric library is loaded already, as in a test; `require_portable` notices it. What is
    wrong with the file is for the stage's own check to say.
    """
    if asked_for(params) == "portable":
        hold_portable()


def hold_portable() -> None:
    """Hold this process and its children to portable numerics, where no numeric library is loaded yet."""
    if not any(name in sys.modules for name in LIBRARIES):
        os.environ.update({**PORTABLE, **THREADS})


def asked_for(params: str | Path) -> str | None:
    """Return `compute.numerics` of a params.yaml as it stands, None where it cannot be read."""
    try:
        data: Any = read_yaml(params)
        return str(data["compute"]["numerics"])
    except (ConfigError, KeyError, TypeError):
        return None


def require_portable() -> None:
    """Assert that this process computes portably.

    Raises
    ------
    ConfigError
        The processor has no AVX2, or a library was loaded without the settings.
    """
    core = import_module("numpy._core._multiarray_umath")
    torch = sys.modules.get("torch")
    if not core.__cpu_features__.get("AVX2"):
        raise ConfigError(f"compute.numerics is 'portable', but this processor has no AVX2 -> {REMEDY}")
    late = [name for name, value in PORTABLE.items() if os.environ.get(name) != value]
    late += [name for name in core.__cpu_dispatch__ if name not in DISPATCHED and core.__cpu_features__.get(name)]
    if torch is not None and torch.backends.cpu.get_cpu_capability() != "AVX2":
        late.append(f"torch's {torch.backends.cpu.get_cpu_capability()}")
    if late:
        raise ConfigError(
            f"compute.numerics is 'portable', but numeric libraries were loaded without it ({', '.join(late)}) -> "
            "run the stage as `python -m stages.NAME` or through `dvc repro`"
        )
