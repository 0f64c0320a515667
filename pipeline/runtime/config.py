"""The section `compute`."""

from typing import Literal

from pydantic import PositiveInt

from pipeline.runtime.section import Section


class ComputeConfig(Section):
    """On what the work runs, and how numbers are computed.

    Parameters
    ----------
    engine : ``"serial"`` in the stage's process, ``"processes"`` on this machine, ``"ray"`` on a cluster
    workers : items at a time; ``"auto"`` is one per GPU, or one per core
    device : for extraction, training and fine-tuning
    numerics : ``"portable"`` gives the same bytes on every x86-64 processor with AVX2, at about 1.4 times the time;
        ``"native"`` takes each processor's fastest kernels, as a GPU always does
    """

    engine: Literal["serial", "processes", "ray"] = "processes"
    workers: Literal["auto"] | PositiveInt = "auto"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    numerics: Literal["portable", "native"] = "native"
