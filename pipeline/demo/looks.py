"""The looks of a subject: moderate variety in skin, hair, head shape, clothes and room, fixed by the subject's name."""

from dataclasses import dataclass

import numpy as np

from pipeline.demo.latent import stream

Colour = tuple[int, int, int]
"""Red, green, blue."""

_SKINS: tuple[Colour, ...] = ((244, 208, 180), (232, 190, 156), (216, 172, 136), (196, 150, 116), (236, 200, 176))
_HAIRS: tuple[Colour, ...] = ((58, 42, 34), (92, 60, 38), (40, 36, 40), (122, 82, 48), (78, 74, 78))
_IRISES: tuple[Colour, ...] = ((84, 112, 150), (92, 70, 46), (76, 112, 78))
_SHIRTS: tuple[Colour, ...] = ((62, 96, 140), (140, 74, 70), (72, 118, 92), (110, 92, 140), (90, 96, 104))
_BOOKS: tuple[Colour, ...] = ((54, 98, 120), (118, 62, 72), (70, 100, 70))


@dataclass(frozen=True)
class Looks:
    """What a subject looks like, the same in all of the subject's videos.

    Parameters
    ----------
    skin, hair, brow, iris, shirt, book : colours
    head : half width and half height of the face, in crop units
    long_hair, glasses : whether the subject has them
    parting : side of the parting, -1, 0 or 1
    """

    skin: Colour
    hair: Colour
    brow: Colour
    iris: Colour
    shirt: Colour
    book: Colour
    head: tuple[float, float]
    long_hair: bool
    glasses: bool
    parting: int


def _pick(random: np.random.Generator, palette: tuple[Colour, ...], jitter: int = 8) -> Colour:
    r, g, b = palette[int(random.integers(len(palette)))]
    shift = int(random.integers(-jitter, jitter + 1))
    return r + shift if r + shift < 256 else 255, g + shift, b + shift


def looks_of(seed: int, subject: str) -> Looks:
    """Draw the looks of a subject."""
    random = stream(seed, subject, "looks")
    hair = _pick(random, _HAIRS)
    return Looks(
        skin=_pick(random, _SKINS),
        hair=hair,
        brow=(int(hair[0] * 0.6), int(hair[1] * 0.6), int(hair[2] * 0.6)),
        iris=_pick(random, _IRISES),
        shirt=_pick(random, _SHIRTS),
        book=_pick(random, _BOOKS),
        head=(random.uniform(0.74, 0.8), random.uniform(0.95, 1.0)),
        long_hair=bool(random.uniform() < 0.4),
        glasses=bool(random.uniform() < 0.15),
        parting=int(random.integers(-1, 2)),
    )
