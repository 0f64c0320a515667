"""Scripts that print the figures of the documentation."""

from pipeline.runtime import prepare  # noqa: F401 - results share the stages' item cache, hence their arithmetic
