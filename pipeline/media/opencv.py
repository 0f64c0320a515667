"""OpenCV's settings, which belong to the whole process, changed for a while."""

from collections.abc import Iterator
from contextlib import contextmanager

import cv2


@contextmanager
def opencv_on_one_thread() -> Iterator[None]:
    """Keep OpenCV to one thread: with several, hits are grouped in the order in which threads finish."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)


@contextmanager
def silent() -> Iterator[None]:
    """Keep OpenCV from printing what the exception says as well."""
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)
