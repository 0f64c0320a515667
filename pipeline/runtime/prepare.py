"""Prepares a stage's process when it is imported, before anything that computes: `stages` imports it first of all."""

from pipeline.runtime.numerics import fix_numerics

fix_numerics("params.yaml")
