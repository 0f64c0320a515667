"""Drawn faces of random identity, pose and expression: what random visual weights are fitted to.

They are only statistics: roughly where a crop's colours and edges lie and what moves in them. Nothing here is labelled.
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Plane = npt.NDArray[np.float64]

PER_IDENTITY = 4
_EDGE = 0.025
"""Softness of every outline, as a fraction of half the crop: about half a pixel of a 40-pixel picture."""


def draw_faces(count: int, *, size: int, reach: float, per_identity: int, seed: int) -> npt.NDArray[np.float32]:
    """Draw faces that fill an aligned crop whose corners are at -1 and 1.

    Parameters
    ----------
    count : how many
    size : pixels along a side of what is drawn
    reach : coordinate of the picture's edge; 40 / 48 for the centre 40 pixels of a 48-pixel crop
    per_identity : consecutive faces of one identity, with expressions and poses of their own
    seed : of the random stream

    Returns
    -------
    (count, 3, size, size) RGB, scaled to -1 .. 1
    """
    random = np.random.default_rng(seed)
    axis = (np.arange(size) + 0.5) / size * 2 * reach - reach
    y, x = np.meshgrid(axis, axis, indexing="ij")  # (size, size) each
    faces = np.empty((count, 3, size, size), dtype=np.float32)
    for index in range(count):
        if index % per_identity == 0:
            looks = _looks(random)
        faces[index] = _draw(x, y, looks, random)
    return faces


def draw_pictures(count: int, *, size: int, seed: int, per_identity: int = PER_IDENTITY) -> Tensor:
    """Draw faces that fill their crop, as the 8-bit pixels of a clip: (count, size, size, 3) uint8 RGB.

    Parameters
    ----------
    count, size, seed, per_identity : as for `draw_faces`
    """
    faces = torch.from_numpy(draw_faces(count, size=size, reach=1.0, per_identity=per_identity, seed=seed))
    return ((faces.movedim(1, -1) + 1) * 127.5).round().to(torch.uint8)


def _looks(random: np.random.Generator) -> dict[str, Plane]:
    skin = np.array([0.92, 0.75, 0.62]) * random.uniform(0.35, 1.05) + random.normal(0, 0.04, 3)
    return {
        "wall": random.uniform(0.1, 0.95, 3),
        "skin": skin,
        "hair": random.uniform(0.05, 0.55) * np.array([1.0, 0.85, 0.75]),
        "iris": random.uniform(0.1, 0.5, 3),
        "lips": skin * np.array([0.8, 0.4, 0.45]),
        "head": np.array([random.uniform(0.65, 0.85), random.uniform(0.85, 1.05)]),
        "hairline": random.uniform(-0.8, -0.6, 1),
        "mouth": random.uniform(0.28, 0.42, 1),
    }


def _draw(x: Plane, y: Plane, looks: dict[str, Plane], random: np.random.Generator) -> Plane:
    """Draw one face, (3, size, size), with a random expression and pose."""
    smile, alert, turn, nod = random.uniform(-1, 1, 4)
    opening, blink = random.uniform(0, 1, 2) ** 2
    tilt, scale = random.normal(0, 0.05), random.normal(1, 0.03)
    u = (x * np.cos(tilt) + y * np.sin(tilt)) / scale + random.normal(0, 0.03)
    v = (y * np.cos(tilt) - x * np.sin(tilt)) / scale + random.normal(0, 0.03)

    canvas = looks["wall"][:, None, None] * (1 + 0.1 * random.normal() * x + 0.1 * random.normal() * y)
    wide, tall = looks["head"]
    _paint(canvas, _disc(u, v + 0.1, wide + 0.12, tall + 0.1), looks["hair"])
    _paint(canvas, _disc(u, v - 0.05, wide, tall), looks["skin"])
    _paint(canvas, _disc(u, v - 0.05, wide, tall) * _within(looks["hairline"] + 0.2 * u**2 - v), looks["hair"])

    u, v = u - 0.06 * turn, v - 0.06 * nod
    _paint(canvas, _stroke(u - 0.02, v - 0.1, 0.03, 0.14), 0.75 * looks["skin"])
    lids = 0.02 + 0.11 * (1 + 0.6 * alert) * (1 - blink)
    for side in (-1, 1):
        across = side * u
        _paint(canvas, _disc(across - 0.34, v + 0.16, 0.19, lids), np.ones(3))
        _paint(canvas, _disc(across - 0.34, v + 0.16, 0.1, min(lids, 0.1)), looks["iris"])
        line = v + 0.48 + 0.09 * alert - 0.35 * smile * (across - 0.34) + 0.5 * (across - 0.34) ** 2
        _paint(canvas, _stroke(across - 0.34, line, 0.22, 0.045), 0.6 * looks["hair"])
    half = looks["mouth"][0] + 0.06 * smile
    line = v - 0.5 + 0.2 * smile * ((u / half) ** 2 - 0.45)
    gap = (0.02 + 0.18 * opening) * np.clip(1 - (u / half) ** 2, 0, 1)
    _paint(canvas, _stroke(u, line, half, 0.04 + gap), looks["lips"])
    _paint(canvas, _stroke(u, line, half - 0.05, gap), 0.25 * looks["lips"])

    canvas = canvas * (1 + random.normal(0, 0.12) + random.normal(0, 0.1) * x + random.normal(0, 0.1) * y)
    return 2 * np.clip(canvas + random.normal(0, 0.01, canvas.shape), 0, 1) - 1


def _paint(canvas: Plane, mask: Plane, colour: Plane) -> None:
    canvas += mask * (colour[:, None, None] - canvas)


def _within(depth: Plane) -> Plane:
    """Coverage of a pixel that lies `depth` inside an outline."""
    return 1 / (1 + np.exp(np.clip(-depth / _EDGE, -50, 50)))


def _disc(x: Plane, y: Plane, wide: float, tall: float) -> Plane:
    return _within((1 - np.hypot(x / wide, y / tall)) * min(wide, tall))


def _stroke(x: Plane, y: Plane, half_length: float, half_width: float | Plane) -> Plane:
    """Cover what lies within `half_width` of the line ``y = 0`` and within `half_length` of its middle."""
    return _within(half_width - np.abs(y)) * _within(half_length - np.abs(x))
