"""One thin entry per DVC stage: read parameters, call the library, write outs."""
