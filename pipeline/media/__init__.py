"""Decoding video, audio and images."""
