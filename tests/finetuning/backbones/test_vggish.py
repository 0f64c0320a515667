from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.backbones import vggish
from pipeline.backbones.common.synthetic_sound import random_sound
from pipeline.backbones.common.weights import Weights
from pipeline.backbones.vggish.front_end import log_mel_rows, patches_at
from pipeline.clips.clip import write_clip
from pipeline.clips.excerpt import OpenClip
from pipeline.finetuning.backbones import vggish as finetuning
from pipeline.finetuning.release import released_names
from pipeline.finetuning.tunable import Augmentation
from pipeline.runtime.errors import InputError
from tests.backbones.clips import make_clip
from tests.finetuning.factory import narrow_vggish

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def network() -> vggish.VGGish:
    return narrow_vggish(Weights())


def test_the_steps_are_the_forward_pass_behind_the_convolutions(random_vggish: vggish.VGGish) -> None:
    rows = log_mel_rows(random_sound(1.5, seed=3))
    starts = np.array([0, 3, 7, 7, 3])
    with torch.no_grad():
        x = finetuning.prepare(random_vggish, (rows, starts), augmentation=Augmentation(), device=CPU)
        for _, step in finetuning.steps(random_vggish):
            x = step(x)
        expected = random_vggish(torch.from_numpy(patches_at(rows, starts)))
    assert x.shape == (5, 128)
    torch.testing.assert_close(x, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("frames", "seconds"),
    [
        (np.arange(5, 20), 2.0),
        (np.arange(45, 50), 2.0),
        (np.array([0, 1, 30, 49]), 2.0),
        (np.arange(40, 50), 0.5),  # the sound ends long before the picture
        (np.arange(0, 4), 0.0),  # no sound at all
    ],
)
def test_a_window_is_embedded_as_the_whole_clip_is(
    network: vggish.VGGish, tmp_path: Path, frames: np.ndarray, seconds: float
) -> None:
    sound = random_sound(seconds, seed=1) if seconds else np.zeros(0, dtype=np.int16)
    clip = make_clip(frames=50, audio=sound)
    write_clip(tmp_path / "7.h5", clip)
    with OpenClip(tmp_path / "7.h5") as opened:
        excerpt = finetuning.read(opened, frames)
    with torch.no_grad():
        x = finetuning.prepare(network, excerpt, augmentation=Augmentation((0.5, 0.5), mirrored=True), device=CPU)
        for _, step in finetuning.steps(network):
            x = step(x)
    expected = vggish.embed(network, clip, batch=64, device=CPU)[frames]
    np.testing.assert_allclose(x.numpy(), expected, atol=2e-5)


def test_another_sample_rate_is_refused(tmp_path: Path) -> None:
    write_clip(tmp_path / "7.h5", make_clip(frames=3, sample_rate=8000))
    with OpenClip(tmp_path / "7.h5") as clip, pytest.raises(InputError, match=r"trial 7: sound at 8000 Hz"):
        finetuning.read(clip, np.array([0]))


def test_groups_hold_the_published_numbers_of_parameters() -> None:
    with torch.device("meta"):
        network = vggish.VGGish()
    shapes = dict(network.named_parameters())
    sizes = [
        sum(shapes[name].numel() for name in released_names(network, finetuning.RELEASE, count)) for count in (1, 2, 3)
    ]
    assert np.diff([0, *sizes]).tolist() == [524_416, 16_781_312, 50_335_744]
