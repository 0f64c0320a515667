"""The demo corpus: drawn, speaking faces rendered as real media files in Aff-Wild2's own layout."""
