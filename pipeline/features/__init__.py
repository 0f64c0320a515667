"""The feature store: per-frame embeddings in Zarr."""
