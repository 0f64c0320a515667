"""One published fusion system per file, found by its module's name."""
