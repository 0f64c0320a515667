"""What decoding found to be damaged in one video, put into few words."""

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from pipeline.media.decoding import DAMAGED, Decoded, OpenVideo
from pipeline.runtime.errors import Problem


@dataclass
class Damage:
    """Damage met while a video is decoded.

    Parameters
    ----------
    path : the video
    """

    path: Path
    frames: int = 0
    failures: list[str] = field(default_factory=list)
    concealed: list[str] = field(default_factory=list)
    shown: set[int] = field(default_factory=set)

    def note(self, step: Decoded, time_base: Fraction | None) -> None:
        """Take down what is wrong with one packet and its frames."""
        if step.error is not None:
            self.failures.append(f"frame {self.frames} cannot be decoded: {step.error}")
        for frame in step.frames:
            if frame.pts is not None:
                self.shown.add(frame.pts)
            if frame.is_corrupt:
                time = "" if frame.pts is None or time_base is None else f" at {float(frame.pts * time_base):.2f} s"
                self.concealed.append(f"frame {self.frames}{time}")
            self.frames += 1

    def problems(self, video: OpenVideo) -> list[Problem]:
        """Return all that was found, after the last packet of `video`."""
        messages: list[str] = []
        if self.failures:
            more = f", and {len(self.failures) - 1} later ones neither" if len(self.failures) > 1 else ""
            messages.append(self.failures[0] + more)
        if self.concealed:
            messages.append(
                f"{len(self.concealed)} of {self.frames} pictures are damaged, the first is {self.concealed[0]}"
            )
        if video.incomplete:
            messages.append(f"{video.incomplete} packets are incomplete")
        if not self.failures:
            lost = max(video.lost(self.shown), self._unread(video))
            if lost:
                messages.append(f"{lost} pictures between the others are lost")
        return [Problem(message, file=str(self.path), remedy=DAMAGED) for message in messages]

    @staticmethod
    def _unread(video: OpenVideo) -> int:
        """Count the packets that an AVI's index names and that were not found in their places."""
        return len(video.stream.index_entries) - video.packets if "avi" in video.formats else 0
