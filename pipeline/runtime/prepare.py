"""Prepares a stage's process when it is imported, before anything that computes: `stages` imports it first of all."""

from pipeline.runtime.loaded import note_sources

note_sources()

from pipeline.runtime.numerics import fix_numerics  # noqa: E402 - its own source is noted, too

fix_numerics("params.yaml")
