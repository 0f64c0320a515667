"""The file beside the clips that says how they were made: a video that joins later is prepared in the same way."""

import json
from pathlib import Path
from typing import Any

from pipeline.runtime.reading import reading
from pipeline.runtime.section import Section

SETTINGS = "settings.json"


class ClipSettings(Section):
    """What decides the pixels and samples of a clip besides the files that it is made from.

    Parameters
    ----------
    face_size : width and height of the stored faces, pixels
    sample_rate : hertz
    other_face_sizes, other_sample_rates : in which faces and sound are stored as well
    faces : how faces are found, as `corpus.faces`, the detector resolved; None where the corpus brings its own crops
    """

    face_size: int
    sample_rate: int
    other_face_sizes: tuple[int, ...] = ()
    other_sample_rates: tuple[int, ...] = ()
    faces: dict[str, Any] | None = None


def write_settings(path: Path, settings: ClipSettings) -> None:
    """Write the settings as JSON; equal ones give equal bytes."""
    path.write_text(json.dumps(settings.model_dump(mode="json"), indent=2) + "\n", encoding="utf-8", newline="\n")


def read_settings(path: Path) -> ClipSettings:
    """Read what `write_settings` wrote.

    Raises
    ------
    InputError
        The file is missing, or not of this version.
    """
    with reading(path, what="the settings of the clips cannot be read", remedy="run `dvc repro clips`"):
        return ClipSettings.model_validate_json(path.read_text(encoding="utf-8"))
