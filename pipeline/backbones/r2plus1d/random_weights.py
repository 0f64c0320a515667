"""Random weights whose embeddings move with the clip."""

from pipeline.backbones.common.random_weights import fill_normed
from pipeline.backbones.common.video_clips import sample_clips
from pipeline.backbones.r2plus1d.front_end import DEVIATION, MEAN
from pipeline.backbones.r2plus1d.network import R2Plus1D

SAMPLE = 4
"""Drawn clips on which the weights are fitted."""


def fill_random(network: R2Plus1D, seed: int) -> None:
    """Overwrite every number, in place."""
    clips = sample_clips(SAMPLE, mean=MEAN, deviation=DEVIATION, seed=seed)
    fill_normed(network, clips, seed=seed, branch_ends=(".conv2.1",))
