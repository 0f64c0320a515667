"""In which precision a network computes: as params.yaml asks, or the fastest that the devices compute natively."""

from typing import Literal

from pipeline.runtime.errors import ConfigError
from pipeline.runtime.executor import Executor

Precision = Literal["float32", "bfloat16"]


def resolve_precision(asked: Literal["auto", "float32", "bfloat16"], executor: Executor) -> Precision:
    """Return the precision of a whole stage, which resolves it once, before its items have keys.

    Portable numerics always mean float32: bfloat16 has other kernels on each type of processor.

    Parameters
    ----------
    asked : `precision` of the section
    executor : on what it will run

    Raises
    ------
    ConfigError
        bfloat16 is asked for together with portable numerics.
    """
    if executor.numerics == "portable":
        if asked == "bfloat16":
            raise ConfigError(
                "compute.numerics is 'portable', but a precision is 'bfloat16', which is not the same bytes "
                "on every processor -> set `precision: auto` or `float32`, or `compute: {numerics: native}`"
            )
        return "float32"
    if asked != "auto":
        return asked
    return "bfloat16" if executor.computes_bfloat16 else "float32"
