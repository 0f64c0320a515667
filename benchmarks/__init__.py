"""Scripts that print the figures of the documentation.

Those that share the stages' item cache compute as params.yaml says; those that time something compute natively.
"""

import os
import sys

TIMINGS = tuple(f"benchmarks.{name}" for name in ("clips", "extract", "gpu", "precision", "training"))
"""Scripts that compute natively whatever params.yaml says; their worker processes know it from the environment."""

if any(script in sys.orig_argv for script in TIMINGS):
    os.environ["AFFECTFLOW_TIMING"] = "1"
# `python -m benchmarks` computes nothing, and what it set here would hold for every script that it starts.
if "AFFECTFLOW_TIMING" not in os.environ and __name__ not in sys.orig_argv:
    from pipeline.runtime import prepare  # noqa: F401 - results share the stages' item cache, hence their arithmetic
