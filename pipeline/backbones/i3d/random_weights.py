"""Random weights whose embeddings move with the clip."""

from pipeline.backbones.common.random_weights import fill_normed
from pipeline.backbones.common.video_clips import sample_clips
from pipeline.backbones.i3d.front_end import DEVIATION, MEAN
from pipeline.backbones.i3d.network import I3D

SAMPLE = 8
"""Drawn clips on which the weights are fitted."""


def fill_random(network: I3D, seed: int) -> None:
    """Overwrite every number, in place."""
    clips = sample_clips(SAMPLE, mean=MEAN, deviation=DEVIATION, seed=seed)
    fill_normed(network, clips, seed=seed)
