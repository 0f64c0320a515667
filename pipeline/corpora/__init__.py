"""Corpora: which trials there are, and which files each one has."""
