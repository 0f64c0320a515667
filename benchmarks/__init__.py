"""Scripts that print the figures of the documentation."""

from pipeline.runtime.numerics import fix_numerics

# Before any script imports a numeric library: results share the stages' item cache, so they share their numerics.
fix_numerics("params.yaml")
