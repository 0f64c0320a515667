"""One thin entry per DVC stage: read parameters, call the library, write outs."""

from pipeline.runtime import prepare  # noqa: F401 - fixes the arithmetic before a stage loads any numeric library
