"""How R(2+1)D's clips are scaled."""

from typing import Any, Final

from pipeline.backbones.common import video_clips

MEAN: Final = (0.43216, 0.394666, 0.37645)
DEVIATION: Final = (0.22803, 0.22145, 0.216989)
FRONT_END: Final[dict[str, Any]] = video_clips.front_end(MEAN, DEVIATION)
