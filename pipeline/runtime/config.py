"""The section `compute`."""

from typing import Literal

from pipeline.runtime.section import Section


class ComputeConfig(Section):
    """On what the work runs; no result and no DVC stage depends on it."""

    engine: Literal["serial", "processes", "ray"] = "processes"
    workers: Literal["auto"] | int = "auto"
    device: Literal["auto", "cpu", "cuda"] = "auto"
