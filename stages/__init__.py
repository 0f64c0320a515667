"""One thin entry per DVC stage: read parameters, call the library, write outs."""

from pipeline.runtime.numerics import fix_numerics

# Before any stage imports a numeric library.
fix_numerics("params.yaml")
