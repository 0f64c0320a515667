import numpy as np
import pytest
import torch
from torch import nn

from pipeline.backbones.common.video_clips import SIZE, clip_frames, embed_clips, front_end, sample_clips, valid
from pipeline.runtime.errors import InputError
from tests.backbones.clips import make_clip

CPU = torch.device("cpu")
MEAN, DEVIATION = (0.1, 0.2, 0.3), (0.5, 0.4, 0.3)


def test_eight_frames_of_the_last_32_the_last_is_the_frame_itself() -> None:
    frames = clip_frames(100)
    assert frames.shape == (100, 8)
    assert frames[60].tolist() == [32, 36, 40, 44, 48, 52, 56, 60]
    assert frames[28].tolist() == [0, 4, 8, 12, 16, 20, 24, 28]


def test_the_first_frame_stands_in_before_the_start() -> None:
    frames = clip_frames(10)
    assert frames[0].tolist() == [0] * 8
    assert frames[9].tolist() == [0, 0, 0, 0, 0, 1, 5, 9]


def test_no_clip_holds_later_frames() -> None:
    frames = clip_frames(50)
    assert (frames <= np.arange(50)[:, None]).all()
    assert (np.diff(frames, axis=1) >= 0).all()


def test_a_clip_is_valid_where_any_of_its_frames_has_a_face() -> None:
    face_valid = np.zeros(60, dtype=np.bool_)
    face_valid[10] = True
    clip = make_clip(frames=60, face_valid=face_valid)
    assert np.flatnonzero(valid(clip)).tolist() == [10, 14, 18, 22, 26, 30, 34, 38]
    first = np.arange(60) == 0
    # The first frame stands in for those before it.
    assert np.flatnonzero(valid(make_clip(frames=60, face_valid=first))).tolist() == [*range(28), 28]


class Means(nn.Module):
    """Each frame's mean colours: a network whose output tells its input."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        assert x.shape[1:] == (3, 8, SIZE, SIZE)
        return (self.scale * x.mean(dim=(3, 4))).transpose(1, 2).flatten(1)  # (n, 8 * 3)


def large_faces(frames: int) -> np.ndarray:
    colours = np.random.default_rng(0).integers(1, 256, (frames, 1, 1, 3), dtype=np.uint8)
    return np.broadcast_to(colours, (frames, SIZE, SIZE, 3)).copy()


@pytest.mark.parametrize("batch", [1, 7, 64])
def test_every_frame_gets_its_own_clip(batch: int) -> None:
    faces = large_faces(40)
    faces[[2, 30]] = 0
    clip = make_clip(frames=40, faces=faces)
    rows = embed_clips(Means(), clip, mean=MEAN, deviation=DEVIATION, batch=batch, device=CPU)
    colours = (faces[:, 0, 0] / 255 - MEAN) / DEVIATION  # (t, 3)
    expected = [
        np.concatenate([colours[max(frame - step, 0)] for step in range(28, -1, -4)]) for frame in range(len(faces))
    ]
    assert rows.shape == (40, 24)
    np.testing.assert_allclose(rows, expected, rtol=0, atol=1e-5)


def test_frames_without_any_face_share_the_embedding_of_a_black_clip() -> None:
    faces, face_valid = large_faces(50), np.ones(50, dtype=np.bool_)
    faces[:40], face_valid[:40] = 0, False
    rows = embed_clips(
        Means(),
        make_clip(frames=50, faces=faces, face_valid=face_valid),
        mean=MEAN,
        deviation=DEVIATION,
        batch=4,
        device=CPU,
    )
    black = np.tile(-np.array(MEAN) / DEVIATION, 8)
    np.testing.assert_allclose(rows[:40], np.broadcast_to(black, (40, 24)), rtol=0, atol=1e-5)
    assert (np.abs(rows[40:] - black).max(axis=1) > 0.1).all()


def test_a_trial_without_large_crops_is_refused_with_the_remedy() -> None:
    with pytest.raises(InputError, match=r"trial 7: faces of 48 pixels.*add 112 to `clips.other_face_sizes`"):
        embed_clips(Means(), make_clip(frames=4), mean=MEAN, deviation=DEVIATION, batch=4, device=CPU)


def test_drawn_clips_hold_one_face_each_that_moves() -> None:
    clips = sample_clips(2, mean=MEAN, deviation=DEVIATION, seed=0)
    assert clips.shape == (2, 3, 8, SIZE, SIZE)
    within = (clips[:, :, 1:] - clips[:, :, :-1]).abs().mean()
    between = (clips[0] - clips[1]).abs().mean()
    assert 0.01 < within < between
    assert torch.equal(clips, sample_clips(2, mean=MEAN, deviation=DEVIATION, seed=0))


def test_the_front_end_says_how_colours_are_scaled() -> None:
    described = front_end(MEAN, DEVIATION)
    assert (described["mean"], described["deviation"], described["crop"]) == (list(MEAN), list(DEVIATION), 112)
