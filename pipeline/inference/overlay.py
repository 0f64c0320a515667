"""The video again, with the face's box and the predictions under it: bars of now, and traces that move along.

Pictures are shown as a player shows them, so a rotation is applied. The sound is copied where MP4 can hold it as it is,
else it is encoded again. One picture is in memory at a time.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from fractions import Fraction
from itertools import chain, pairwise
from pathlib import Path
from typing import TypeAlias

import av
import av.container
import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.inference.plot import COLOURS
from pipeline.media.decoding import open_container
from pipeline.media.pictures import decode_pictures
from pipeline.runtime.progress import Progress

Picture = NDArray[np.uint8]
Sound: TypeAlias = "Iterator[tuple[float, av.Packet[av.AudioStream]]]"
"""Packets of sound, each with its time in seconds."""

TICKS = 90_000
"""Ticks of a second: every usual frame rate is a whole number of them."""

NARROWEST = 480
"""Pixels to which a narrower video is enlarged, so that the traces can be read."""

PAST, AHEAD = 8.0, 2.0
"""Seconds that a trace shows before and after now."""

COPIED = frozenset({"aac", "mp3", "ac3", "eac3", "opus", "flac", "alac"})
"""Sound that MP4 holds as it is."""

INK, PALE, GROUND = (32, 36, 42), (206, 210, 216), (250, 250, 248)
BOX = (255, 196, 0)


def write_overlay(
    path: Path,
    video: Path,
    predictions: NDArray[np.floating],
    *,
    time: NDArray[np.float64],
    zero: float,
    ranges: Mapping[str, tuple[float, float]],
    boxes: NDArray[np.float64],
) -> None:
    """Write an MP4 (H.264).

    Parameters
    ----------
    path : file to write
    video : that was predicted
    predictions : (t, k)
    time : (t,) s
    zero : s on the video's clock at which `time` is zero
    ranges : (low, high) of each target, in column order
    boxes : (t, 3) centre x, centre y and side of the face, pixels of the picture as it is shown; NaN without one
    """
    ticks = np.maximum.accumulate(np.rint(time * TICKS).astype(np.int64) - np.arange(len(time))) + np.arange(len(time))
    with ExitStack() as stack:
        output = stack.enter_context(av.open(str(path), "w"))
        stream: av.VideoStream | None = None
        sound: Sound | None = None
        due: tuple[float, av.Packet[av.AudioStream]] | None = None
        progress = stack.enter_context(Progress(f"{video.name}: overlay", total=len(time), what="frames"))
        for number, frame in enumerate(decode_pictures(video)):
            picture = frame.rgb()
            if stream is None:
                panel = Panel(picture.shape[1], predictions, time, ranges)
                stream = _add_video(output, time, width=panel.width, height=_even(picture, panel.scale) + panel.height)
                sound = _sound(stack, video, output, zero)
                due = next(sound, None)
            drawn = np.concatenate([panel.enlarge(picture, boxes[number]), panel.draw(number)])
            encoded = av.VideoFrame.from_ndarray(np.ascontiguousarray(drawn), format="rgb24")
            encoded.pts, encoded.time_base = int(ticks[number]), Fraction(1, TICKS)
            output.mux(stream.encode(encoded))
            while due is not None and sound is not None and due[0] <= time[number]:
                output.mux(due[1])
                due = next(sound, None)
            progress.advance()
        assert stream is not None
        assert sound is not None
        output.mux(stream.encode(None))
        while due is not None:
            output.mux(due[1])
            due = next(sound, None)


class Panel:
    """What is drawn under the pictures.

    Parameters
    ----------
    width : of the video's pictures, pixels
    predictions, time, ranges : as for `write_overlay`
    """

    def __init__(
        self,
        width: int,
        predictions: NDArray[np.floating],
        time: NDArray[np.float64],
        ranges: Mapping[str, tuple[float, float]],
    ) -> None:
        self.scale = max(1.0, NARROWEST / width)
        self.width = 2 * round(width * self.scale / 2)
        self._unit = self.width / NARROWEST
        self._row = 2 * round(29 * self._unit)
        self.height = self._row * len(ranges)
        self._predictions, self._time, self._ranges = predictions, time, ranges
        self._label = round(96 * self._unit)
        self._bar = round(150 * self._unit)

    def enlarge(self, picture: Picture, box: NDArray[np.float64]) -> Picture:
        """Return a picture in the panel's width, with the box of the face."""
        size = (self.width, _even(picture, self.scale))
        large = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if self.scale == 1 else cv2.INTER_LINEAR)
        if not np.isnan(box[0]):
            x, y, half = box[0] * self.scale, box[1] * self.scale, box[2] * self.scale / 2
            corners = (round(x - half), round(y - half)), (round(x + half), round(y + half))
            cv2.rectangle(large, *corners, BOX, max(2, round(1.5 * self._unit)), cv2.LINE_AA)
        return np.asarray(large, dtype=np.uint8)

    def draw(self, number: int) -> Picture:
        """Return the panel at a frame, (height, width, 3)."""
        panel = np.full((self.height, self.width, 3), GROUND, dtype=np.uint8)
        for place, (target, limits) in enumerate(self._ranges.items()):
            top = place * self._row
            colour = _rgb(COLOURS[place % len(COLOURS)])
            value = float(self._predictions[number, place])
            self._write(panel, target, top + 0.42 * self._row, size=0.42)
            self._write(panel, "" if np.isnan(value) else f"{value:+.2f}", top + 0.84 * self._row, size=0.42)
            self._draw_bar(panel, value, limits, top, colour)
            self._draw_trace(panel, number, place, limits, top, colour)
        return panel

    def _write(self, panel: Picture, text: str, y: float, *, size: float) -> None:
        place = (round(8 * self._unit), round(y))
        cv2.putText(
            panel, text, place, cv2.FONT_HERSHEY_SIMPLEX, size * self._unit, INK, max(1, round(self._unit)), cv2.LINE_AA
        )

    def _draw_bar(
        self, panel: Picture, value: float, limits: tuple[float, float], top: int, colour: tuple[int, int, int]
    ) -> None:
        low, high = top + round(0.3 * self._row), top + round(0.7 * self._row)
        left, right = self._label, self._bar
        middle = (left + right) // 2
        cv2.rectangle(panel, (left, low), (right, high), PALE, -1)
        if not np.isnan(value):
            end = left + round((value - limits[0]) / (limits[1] - limits[0]) * (right - left))
            cv2.rectangle(panel, (min(middle, end), low), (max(middle, end), high), colour, -1)
        cv2.line(panel, (middle, low - 2), (middle, high + 2), INK, 1)

    def _draw_trace(
        self,
        panel: Picture,
        number: int,
        place: int,
        limits: tuple[float, float],
        top: int,
        colour: tuple[int, int, int],
    ) -> None:
        left, right = self._bar + round(12 * self._unit), self.width - round(6 * self._unit)
        low, high = top + round(0.92 * self._row), top + round(0.08 * self._row)
        now = left + round(PAST / (PAST + AHEAD) * (right - left))
        middle = (low + high) // 2
        cv2.line(panel, (left, middle), (right, middle), PALE, 1)
        cv2.line(panel, (now, low), (now, high), INK, 1)
        at = self._time[number]
        first = int(np.searchsorted(self._time, at - PAST))
        last = int(np.searchsorted(self._time, at + AHEAD, side="right"))
        x = left + (self._time[first:last] - at + PAST) / (PAST + AHEAD) * (right - left)
        y = low + (self._predictions[first:last, place] - limits[0]) / (limits[1] - limits[0]) * (high - low)
        known = np.flatnonzero(~np.isnan(y))
        if not len(known):
            return
        points = np.rint(np.stack([x, y], axis=1)[known] * 8).astype(np.int32)
        # Frames that the model left out are gaps in the line.
        edges = [0, *(np.flatnonzero(np.diff(known) > 1) + 1).tolist(), len(known)]
        for begin, end in pairwise(edges):
            thick = max(1, round(1.4 * self._unit))
            cv2.polylines(panel, [points[begin:end]], False, colour, thick, cv2.LINE_AA, shift=3)


def _even(picture: Picture, scale: float) -> int:
    """Return the height of an enlarged picture: even, as H.264 needs it."""
    return 2 * int(np.rint(picture.shape[0] * scale / 2))


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _add_video(
    output: av.container.OutputContainer, time: NDArray[np.float64], *, width: int, height: int
) -> av.VideoStream:
    # The nominal rate only steers the encoder; the time stamps are the frames' own.
    span = float(time[-1] - time[0])
    rate = Fraction((len(time) - 1) / span if span > 0 else 25).limit_denominator(1001)
    stream = output.add_stream("libx264", rate=rate, options={"preset": "veryfast", "crf": "21"})
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    stream.codec_context.time_base = Fraction(1, TICKS)
    return stream


def _sound(stack: ExitStack, video: Path, output: av.container.OutputContainer, zero: float) -> Sound:
    """Prepare the sound, if there is one; the iterator gives its packets, each with its time in seconds."""
    container = stack.enter_context(open_container(video))
    stream = container.streams.best("audio")
    if not isinstance(stream, av.AudioStream) or stream.codec_context is None:
        return iter(())
    if stream.codec_context.name in COPIED:
        return _copied(container, stream, output.add_stream_from_template(stream), zero)
    rate = stream.codec_context.sample_rate
    usual = rate if rate in (16000, 22050, 24000, 32000, 44100, 48000) else 48000
    layout = "mono" if stream.codec_context.channels == 1 else "stereo"
    encoder = output.add_stream("aac", rate=usual, layout=layout)
    return _encoded(container, stream, encoder, zero, rate=usual, layout=layout)


def _copied(
    container: av.container.InputContainer, stream: av.AudioStream, output: av.AudioStream, zero: float
) -> Sound:
    for packet in container.demux(stream):
        if packet.dts is None or packet.pts is None or packet.time_base is None:
            continue
        shift = round(zero / packet.time_base)
        packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
        at = float(packet.pts * packet.time_base)
        packet.stream = output
        yield at, packet


def _encoded(
    container: av.container.InputContainer,
    stream: av.AudioStream,
    output: av.AudioStream,
    zero: float,
    *,
    rate: int,
    layout: str,
) -> Sound:
    resampler = av.AudioResampler(format="fltp", layout=layout, rate=rate, frame_size=1024)
    count: int | None = None
    for frame in chain(_frames(container, stream), [None]):
        if count is None:
            begins = 0.0 if frame is None or frame.time is None else frame.time - zero
            count = round(max(begins, 0.0) * rate)
        for piece in resampler.resample(frame):
            piece.pts, piece.time_base = count, Fraction(1, rate)
            count += piece.samples
            for packet in output.encode(piece):
                yield count / rate, packet
    for packet in output.encode(None):
        yield (count or 0) / rate, packet


def _frames(container: av.container.InputContainer, stream: av.AudioStream) -> Iterator[av.AudioFrame]:
    for packet in container.demux(stream):
        try:
            yield from (frame for frame in packet.decode() if isinstance(frame, av.AudioFrame))
        except av.FFmpegError:
            continue  # the model has read it, or goes without sound
