"""From a corpus on disk to its index, one reader per kind."""
