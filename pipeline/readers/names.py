"""What a trial's name tells in Aff-Wild2: its video, and which trials show the same people.

Names are ``<video>``, or ``<video>_left`` and ``<video>_right`` for two people in one video, where one of the two may
also be called ``<video>``. A recording in several parts is ``<id>-<fps>-<width>x<height>-<part>`` or
``video<id>_<part>``.
"""

import re

SIDES = re.compile(r"_(left|right)$", re.IGNORECASE)
PARTS = re.compile(r"(?P<recording>\d+-\d+-\d+x\d+)-\d+|(?P<video>video\d+)_\d+")


def video_name(trial: str) -> str:
    """Return the name of the video that shows the trial, without suffix: ``video2_left`` is in ``video2``."""
    return SIDES.sub("", trial)


def subject_of(trial: str) -> str:
    """Return the recording that a trial belongs to, which stands for its people, in lower case.

    Both sides of a video, and all parts of a recording, get the same name: ``122-60-1920x1080-3_left`` gives
    ``122-60-1920x1080``.
    """
    video = video_name(trial).lower()
    match = PARTS.fullmatch(video)
    return (match["recording"] or match["video"]) if match else video
