"""The history of a fold: a row for each epoch, and a summary of the best one."""

import json
from dataclasses import dataclass
from pathlib import Path

FOLD, HISTORY = "fold.safetensors", "history.json"
"""Files of a fold's item: the best epoch's weights, and its history."""


@dataclass(frozen=True)
class History:
    """One fold's training.

    Parameters
    ----------
    summary : p and epoch of the best epoch, and how many epochs there were
    rows : epoch, lr, train_loss, each target's validation CCC, and their mean p
    """

    summary: dict[str, float]
    rows: list[dict[str, float]]

    @classmethod
    def read(cls, path: Path) -> "History":
        """Read what `write` wrote."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        path.write_text(json.dumps(vars(self), indent=0), encoding="utf-8")
