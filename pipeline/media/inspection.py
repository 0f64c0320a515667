"""Looking a media file over before anything is made of it: all that would keep a clip from it, in one list."""

from pathlib import Path

from pipeline.media.audio import read_audio
from pipeline.media.video import read_video
from pipeline.runtime.errors import InputError, Problem


def inspect_media(path: Path, *, needs_video: bool = True, needs_audio: bool = True) -> list[Problem]:
    """Decode a file once and return all that is wrong with it.

    Damage inside a file shows in its pictures alone: its header, its size and its packets may all be as they should.
    """
    problems: list[Problem] = []
    if needs_video:
        try:
            read_video(path)
        except InputError as error:
            problems.extend(error.problems)
    if needs_audio:
        try:
            read_audio(path, ())
        except InputError as error:
            problems.extend(error.problems)
    # Picture and sound of one file share what is wrong with it.
    return list(dict.fromkeys(problems))
