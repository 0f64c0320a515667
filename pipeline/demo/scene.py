"""The picture of a video: a room, one or two moving heads in it, and the aligned crops cut out of each frame."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.demo.config import DemoConfig
from pipeline.demo.face import Expression, Pen, draw
from pipeline.demo.latent import CONTROL_RATE, Curve, at, smooth_noise, stream, view
from pipeline.demo.looks import Looks, looks_of
from pipeline.demo.plan import Plan
from pipeline.demo.segments import cover
from pipeline.demo.voice import Speech

Picture = npt.NDArray[np.uint8]
SUPERSAMPLING = 2
_SET_IN = 0.25
"""Seconds in which a book is raised or a head turned, before a useless segment begins."""


@dataclass(frozen=True)
class Actor:
    """One person's drawing parameters over the control grid; `x`, `y` (pixels), `tilt` (radians) place the head."""

    looks: Looks
    side: float
    x: Curve
    y: Curve
    tilt: Curve
    expression: dict[str, Curve]

    def pose(self, time: float, scale: float) -> npt.NDArray[np.float64]:
        """Matrix (2, 3) from crop coordinates to picture coordinates enlarged by `scale`."""
        x, y, tilt = (float(at(np.array([time]), curve)[0]) for curve in (self.x, self.y, self.tilt))
        cos, sin = np.cos(tilt) * self.side, np.sin(tilt) * self.side
        return scale * np.array([[cos, -sin, x], [sin, cos, y]])

    def face(self, time: float) -> Expression:
        """Read the expression at `time` (s)."""
        moment = np.array([time])
        return Expression(**{name: float(at(moment, curve)[0]) for name, curve in self.expression.items()})


def actor(config: DemoConfig, script: Plan, place: int, speech: Speech) -> Actor:
    """Direct the person at `place`: what the face shows of the affect, and how the head moves."""
    video, count = script.video, script.controls
    random = stream(config.seed, video.name, "face", str(place))
    seen = view(script.affects[place], config.noise.visual, random, period=config.latent_period)
    width, height = config.picture.width, config.picture.height
    people = len(video.subjects)
    side = 0.3 * height if people == 1 else min(0.27 * height, 0.21 * width)

    def sway(size: float, period: float) -> Curve:
        return size * smooth_noise(random, count, period=period)

    segments = list(script.visual[place])
    nod = 0.012 * (1 + 0.5 * seen.arousal) * smooth_noise(random, count, period=0.9)
    return Actor(
        looks=looks_of(config.seed, video.subjects[place]),
        side=side,
        x=width * (place + 0.5) / people + sway(0.08 * side, 3.0),
        y=0.52 * height + sway(0.05 * side, 2.5),
        tilt=sway(0.05, 2.5) + 0.03 * seen.valence,
        expression={
            "smile": seen.valence,
            "alert": seen.arousal,
            "mouth": speech.energy,
            "blink": _blinks(random, count),
            "turn": sway(0.025, 2.0),
            "nod": nod,
            "book": cover(segments, modality="visual", kind="covered", count=count, ramp=_SET_IN),
            "away": cover(segments, modality="visual", kind="turned", count=count, ramp=_SET_IN),
        },
    )


def _blinks(random: np.random.Generator, count: int) -> Curve:
    time = np.arange(count) / CONTROL_RATE
    result = np.zeros(count)
    moment = random.uniform(0.5, 3.0)
    while moment < time[-1]:
        result = np.maximum(result, np.exp(-(((time - moment) / 0.06) ** 2)))
        moment += random.uniform(2.0, 4.5)
    return result


def _room(config: DemoConfig, script: Plan, actors: list[Actor]) -> Picture:
    """Paint what does not move: a wall with a lamp-lit gradient, a picture on it, and the shoulders."""
    random = stream(config.seed, script.video.subjects[0], "room")
    width, height = config.picture.width * SUPERSAMPLING, config.picture.height * SUPERSAMPLING
    wall = np.array([random.uniform(150, 190), random.uniform(160, 190), random.uniform(165, 200)])
    light = np.linspace(1.08, 0.86, width)[None, :, None] * np.linspace(1.03, 0.92, height)[:, None, None]
    room = np.clip(wall * light, 0, 255).astype(np.uint8)
    left = int(random.uniform(0.03, 0.1) * width)
    top, right, bottom = int(0.1 * height), left + int(0.16 * width), int(0.36 * height)
    cv2.rectangle(room, (left, top), (right, bottom), (120, 96, 74), -1)
    cv2.rectangle(room, (left + 8, top + 8), (right - 8, bottom - 8), (176, 196, 190), -1)
    for person in actors:
        x, side = float(person.x.mean()) * SUPERSAMPLING, person.side * SUPERSAMPLING
        pen = Pen(room, np.array([[side, 0, x], [0, side, 0.52 * height]]))
        pen.shape(
            np.array([[-0.55, 1.18], [0.55, 1.18], [1.25, 1.5], [1.45, 3.0], [-1.45, 3.0], [-1.25, 1.5]]),
            person.looks.shirt,
        )
    return room


def frames(config: DemoConfig, script: Plan, actors: list[Actor]) -> Iterator[Picture]:
    """Draw the pictures of the video, (height, width, 3) RGB, one per time stamp."""
    room = _room(config, script, actors)
    size = (config.picture.width, config.picture.height)
    for time in script.times:
        canvas = room.copy()
        for person in actors:
            draw(Pen(canvas, person.pose(time, SUPERSAMPLING)), person.looks, person.face(time))
        yield np.asarray(cv2.resize(canvas, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def crop(picture: Picture, person: Actor, time: float, size: int) -> Picture:
    """Cut the aligned face of `person` out of a frame: upright, (size, size, 3)."""
    pose = person.pose(time, 1.0)
    # Pixel centres lie half a pixel inside of the picture's coordinates, in the crop and in the picture.
    to_unit = np.array([[2 / size, 0, 1 / size - 1], [0, 2 / size, 1 / size - 1], [0, 0, 1]])
    matrix = pose @ to_unit - np.array([[0, 0, 0.5], [0, 0, 0.5]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(
        cv2.warpAffine(picture, matrix, (size, size), flags=flags, borderMode=cv2.BORDER_REPLICATE), dtype=np.uint8
    )
