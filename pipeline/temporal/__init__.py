"""Temporal encoders over per-frame features."""
