"""Per-frame embeddings: one package per backbone, found by its name."""
