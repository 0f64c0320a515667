"""The arithmetic of the training, set before any numeric library is loaded: nothing here imports one at once."""

from typing import TYPE_CHECKING, Literal

from pipeline.models.recipe import Recipe
from pipeline.runtime.errors import ConfigError
from pipeline.runtime.numerics import hold_portable, require_portable

if TYPE_CHECKING:
    from pipeline.runtime.executor import Executor


def executor_for(
    recipe: Recipe, *, fast: bool, device: Literal["auto", "cpu", "cuda"] = "auto", workers: int | None = None
) -> "Executor":
    """Return on what to compute, with the arithmetic that a model was trained with unless it shall be fast.

    Parameters
    ----------
    recipe : of the model
    fast : whether this processor's own kernels are wanted
    device : where networks compute
    workers : processes side by side; one per core or GPU unless given

    Raises
    ------
    ConfigError
        The model was trained with portable numerics, and this process cannot compute so.
    """
    portable = recipe.arithmetic == "portable" and not fast
    if portable:
        hold_portable()
        try:
            require_portable()
        except ConfigError as error:
            reason = str(error).partition(" -> ")[0]
            raise ConfigError(f"the model was trained with portable numerics: {reason} -> add --fast") from error
    from pipeline.runtime.executor import Executor

    return Executor(workers=workers or "auto", device=device, numerics="portable" if portable else "native")
