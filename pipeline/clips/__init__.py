"""The clip: one HDF5 file per trial, everything on one time line."""
