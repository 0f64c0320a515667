"""torchaudio's pure-PyTorch parts, whatever torch they stand beside.

Use it as ``from pipeline.runtime.torchaudio_pure import functional, transforms``, for instance for
``functional.melscale_fbanks`` or ``transforms.Spectrogram``.

The wheels of torchaudio carry a compiled extension that is linked against one CUDA version: beside a torch for CPUs
importing it ends in an OSError, beside a torch for another CUDA version in a RuntimeError. Filter banks and
spectrograms are written in PyTorch and never call it. So on exactly these two failures torchaudio is imported once more
with a stand-in for its extension that says that there is none, as in a build without it.
"""

import logging
import sys
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any

logger = logging.getLogger(__name__)

EXTENSION = "torchaudio._extension"


def load_torchaudio() -> ModuleType:
    """Import torchaudio, without its compiled extension where that does not fit the installed torch.

    Raises
    ------
    ImportError
        torchaudio is not installed, or fails for another reason.
    """
    try:
        return import_module("torchaudio")
    except OSError as error:
        reason = error
    except RuntimeError as error:
        if "CUDA version" not in str(error):
            raise
        reason = error  # type: ignore[assignment]
    logger.debug("torchaudio's compiled extension does not fit this torch, going on without it: %s", reason)
    # The failed attempt leaves submodules behind that refer to the package object that was thrown away.
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchaudio"]:
        del sys.modules[name]
    sys.modules[EXTENSION] = _stand_in()
    return import_module("torchaudio")


def _stand_in() -> ModuleType:
    module = ModuleType(EXTENSION, "Says that torchaudio was built without its compiled extension.")
    module._IS_TORCHAUDIO_EXT_AVAILABLE = False  # type: ignore[attr-defined]
    module._IS_ALIGN_AVAILABLE = False  # type: ignore[attr-defined]
    module.fail_if_no_align = _unavailable  # type: ignore[attr-defined]
    return module


def _unavailable(function: Callable[..., Any]) -> Callable[..., Any]:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(
            f"torchaudio's {function.__name__} needs its compiled extension, which does not fit this torch"
        )

    return refuse


_torchaudio = load_torchaudio()
functional: Any = import_module("torchaudio.functional")
transforms: Any = import_module("torchaudio.transforms")
