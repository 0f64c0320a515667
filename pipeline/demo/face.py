"""Draw one stylised face: mouth, brows and eyes tell valence and arousal, in strokes large enough for a 40-pixel crop.

Coordinates are those of the aligned crop: x and y run over [-1, 1] from its left upper to its right lower corner; a
`Pen` carries them into the picture.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.demo.looks import Colour, Looks

Points = npt.NDArray[np.float64]
_SUBPIXEL_BITS = 4
_ARC = np.linspace(0, 2 * np.pi, 40, endpoint=False)
_HEAD = (0.0, 0.06)


@dataclass(frozen=True)
class Expression:
    """The state of a face in one frame.

    Parameters
    ----------
    smile : corners of the mouth and inner ends of the brows; negative is a scowl, about [-1.8, 1.8]
    alert : openness of the eyes, height of the brows and flush of the skin, about [-1.8, 1.8]
    mouth : how far speech opens the mouth, in [0, 1]
    blink : how far the lids are shut, in [0, 1]
    turn, nod : shift of all features over the head, in units of the crop, about [-0.1, 0.1]
    book, away : how far a book is held before the face, and how far the head is turned away, in [0, 1]
    """

    smile: float
    alert: float
    mouth: float = 0.0
    blink: float = 0.0
    turn: float = 0.0
    nod: float = 0.0
    book: float = 0.0
    away: float = 0.0


class Pen:
    """Draws anti-aliased shapes, given in crop coordinates, onto a picture.

    Parameters
    ----------
    canvas : (height, width, 3) uint8 RGB, drawn upon in place
    matrix : (2, 3), carries crop coordinates to pixels of the canvas
    """

    def __init__(self, canvas: npt.NDArray[np.uint8], matrix: Points) -> None:
        self.canvas = canvas
        self.matrix = matrix
        self.scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))

    def _pixels(self, points: Points) -> npt.NDArray[np.int32]:
        placed = points @ self.matrix[:, :2].T + self.matrix[:, 2]
        return np.round(placed * (1 << _SUBPIXEL_BITS)).astype(np.int32)

    def shape(self, points: Points, colour: Colour) -> None:
        """Fill the polygon through `points` (n, 2)."""
        cv2.fillPoly(self.canvas, [self._pixels(points)], colour, cv2.LINE_AA, _SUBPIXEL_BITS)

    def ellipse(self, centre: tuple[float, float], radii: tuple[float, float], colour: Colour) -> None:
        """Fill an upright ellipse."""
        self.shape(ellipse(centre, radii), colour)

    def stroke(self, points: Points, colour: Colour, width: float) -> None:
        """Draw an open line through `points` (n, 2), `width` crop units thick."""
        thickness = max(1, round(width * self.scale))
        cv2.polylines(self.canvas, [self._pixels(points)], False, colour, thickness, cv2.LINE_AA, _SUBPIXEL_BITS)


def ellipse(centre: tuple[float, float], radii: tuple[float, float]) -> Points:
    """Return the outline (40, 2) of an upright ellipse."""
    return np.stack([centre[0] + radii[0] * np.cos(_ARC), centre[1] + radii[1] * np.sin(_ARC)], axis=1)


def _shade(colour: Colour, factor: float, red: float = 0.0) -> Colour:
    r, g, b = (min(255, int(channel * factor)) for channel in colour)
    return min(255, int(r * (1 + 0.4 * red))), int(g * (1 - red)), int(b * (1 - red))


def draw(pen: Pen, looks: Looks, expression: Expression) -> None:
    """Draw the head of `looks` with `expression`; what is not the head (background, shoulders) is left alone."""
    skin = _shade(looks.skin, 1.0, red=0.045 * float(np.clip(expression.alert, -1.5, 1.8)) + 0.05)
    wide, tall = looks.head
    pen.ellipse((0.0, -0.12), (wide + 0.17, tall + 0.12), looks.hair)
    if looks.long_hair:
        pen.shape(ellipse((0.0, 0.45), (wide + 0.2, 0.95)), looks.hair)
    pen.shape(np.array([[-0.3, 0.6], [0.3, 0.6], [0.36, 1.4], [-0.36, 1.4]]), _shade(skin, 0.86))
    for side in (-1, 1):
        pen.ellipse((side * (wide + 0.02), 0.02), (0.13, 0.2), _shade(skin, 0.9))
    pen.ellipse(_HEAD, (wide, tall), skin)

    centre = np.array([expression.turn, expression.nod])
    _cheeks(pen, centre, skin, expression)
    _nose(pen, centre, skin)
    _mouth(pen, centre, expression)
    for side in (-1, 1):
        _eye(pen, centre, side, looks, expression)
        _brow(pen, centre, side, looks, expression)
    _fringe(pen, looks)
    if expression.away > 0:
        _turned_away(pen, looks, expression.away)
    if expression.book > 0:
        _book(pen, looks, expression.book)


def _cheeks(pen: Pen, centre: Points, skin: Colour, expression: Expression) -> None:
    lift = 0.07 * expression.smile
    radius = 0.15 + 0.05 * expression.smile
    for side in (-1, 1):
        spot = (centre[0] + side * 0.5, centre[1] + 0.3 - lift)
        pen.ellipse(spot, (radius, 0.8 * radius), _shade(skin, 0.97, red=0.14))


def _nose(pen: Pen, centre: Points, skin: Colour) -> None:
    line = np.array([[0.0, -0.06], [0.06, 0.16], [0.07, 0.2], [-0.03, 0.22]]) + centre
    pen.stroke(line, _shade(skin, 0.74), 0.04)


def _mouth(pen: Pen, centre: Points, expression: Expression) -> None:
    across = np.linspace(-1, 1, 17)
    half = 0.38 + 0.06 * expression.smile
    opening = 0.03 + 0.22 * expression.mouth + 0.05 * max(expression.alert, -0.6)
    middle = 0.5 + 0.2 * expression.smile * (0.45 - across**2)
    bulge = 1 - across**2
    x = across * half
    upper = np.stack([x, middle - 0.4 * opening * bulge], axis=1) + centre
    lower = np.stack([x, middle + opening * bulge**0.8], axis=1) + centre
    outline = np.concatenate([upper, lower[::-1]])
    pen.shape(outline, (70, 18, 24))
    if opening > 0.1:
        rows = slice(4, 13)
        teeth_end = upper[rows] * 0.6 + lower[rows] * 0.4
        pen.shape(np.concatenate([upper[rows], teeth_end[::-1]]), (244, 240, 230))
    pen.stroke(np.concatenate([outline, outline[:1]]), (170, 56, 62), 0.07)


def _eye(pen: Pen, centre: Points, side: int, looks: Looks, expression: Expression) -> None:
    openness = np.clip(0.52 + 0.3 * expression.alert, 0.1, 1.15) * (1 - expression.blink)
    x, y = centre[0] + side * 0.34, centre[1] - 0.16
    width, height = 0.19, 0.02 + 0.18 * float(openness)
    pen.ellipse((x, y), (width, height), (250, 250, 248))
    for radius, colour in ((0.115, looks.iris), (0.06, (22, 18, 18))):
        disc = ellipse((x + 0.5 * expression.turn, y), (radius, radius))
        limit = height * np.sqrt(np.clip(1 - ((disc[:, 0] - x) / width) ** 2, 0, 1))
        disc[:, 1] = y + np.clip(disc[:, 1] - y, -limit, limit)
        pen.shape(disc, colour)
    lid = np.linspace(np.pi, 2 * np.pi, 13)
    edge = np.stack([x + width * np.cos(lid), y + height * np.sin(lid)], axis=1)
    pen.stroke(edge, _shade(looks.hair, 0.55), 0.05)
    if looks.glasses:
        rim = ellipse((x, y + 0.01), (0.27, 0.26))
        pen.stroke(np.concatenate([rim, rim[:1]]), (52, 50, 58), 0.025)


def _brow(pen: Pen, centre: Points, side: int, looks: Looks, expression: Expression) -> None:
    height = -0.47 - 0.085 * expression.alert
    slant = 0.075 * expression.smile
    brow = np.array(
        [[0.13, height - slant + 0.02], [0.33, height - 0.05], [0.56, height + 0.03 + 0.6 * slant]]
    ) * np.array([side, 1])
    pen.stroke(brow + centre, looks.brow, 0.095)


def _fringe(pen: Pen, looks: Looks) -> None:
    wide, tall = looks.head
    top = np.linspace(np.pi * 1.02, np.pi * 1.98, 21)
    arc = np.stack([(wide + 0.06) * np.cos(top), _HEAD[1] + (tall + 0.05) * np.sin(top)], axis=1)
    arc[:, 1] = np.minimum(arc[:, 1], _HEAD[1] - 0.3 * tall)
    across = np.linspace(1, -1, 21)
    hairline = -0.74 + 0.22 * across**2 + looks.parting * 0.1 * across
    pen.shape(np.concatenate([arc, np.stack([across * (wide + 0.02), hairline], axis=1)]), looks.hair)


def _turned_away(pen: Pen, looks: Looks, away: float) -> None:
    """Let the hair of the back of the head come round from the left, as when a head turns."""
    wide, tall = looks.head
    back = ellipse((0.0, 0.02), (wide + 0.06, tall + 0.06))
    edge = -wide - 0.06 + away * 2 * (wide + 0.06)
    back[:, 0] = np.minimum(back[:, 0], edge)
    pen.shape(back, _shade(looks.hair, 1.12))
    for x in (-0.5, -0.2, 0.1, 0.4):
        if x < edge:
            pen.stroke(np.array([[x * 0.6, -0.7], [x, 0.0], [x * 1.05, 0.6]]), _shade(looks.hair, 0.8), 0.03)


def _book(pen: Pen, looks: Looks, book: float) -> None:
    """Raise a book from below until it hides everything between brows and chin."""
    top = 1.3 - 2.02 * book
    cover = np.array([[-0.92, top], [0.92, top], [0.96, top + 1.85], [-0.96, top + 1.85]])
    pen.shape(cover, looks.book)
    pen.shape(np.array([[-0.03, top], [0.03, top], [0.03, top + 1.85], [-0.03, top + 1.85]]), _shade(looks.book, 0.7))
    pen.shape(
        cover * np.array([0.3, 0.0]) + np.array([[0.46, top + y] for y in (0.3, 0.3, 0.55, 0.55)]), (235, 228, 205)
    )
    for side in (-1, 1):
        for finger in range(3):
            pen.ellipse((side * 0.88, top + 0.75 + 0.17 * finger), (0.14, 0.08), looks.skin)
