"""Per-frame embeddings: one backbone per file, found by its module's name."""
