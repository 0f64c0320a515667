"""Tests of `stages`."""
