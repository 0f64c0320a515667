"""How I3D's clips are scaled."""

from typing import Any, Final

from pipeline.backbones.common import video_clips

MEAN: Final = (0.5, 0.5, 0.5)
DEVIATION: Final = (0.5, 0.5, 0.5)
FRONT_END: Final[dict[str, Any]] = video_clips.front_end(MEAN, DEVIATION)
