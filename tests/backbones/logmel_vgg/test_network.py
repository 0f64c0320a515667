import numpy as np
import pytest
import torch

from pipeline.backbones import logmel_vgg
from pipeline.backbones.common.spectrogram import decibel_rows, patch_ends, patches_at, sample_patches
from pipeline.backbones.common.weights import Weights
from pipeline.backbones.logmel_vgg import LogMelVGG
from pipeline.backbones.vggish import VGGish
from pipeline.runtime.errors import InputError
from tests.backbones.clips import make_loud_clip
from tests.backbones.layouts import checkpoint, parameters, picture, shapes, vggish
from tests.backbones.networks import channels_last
from tests.backbones.randomness import same, spread

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def network() -> LogMelVGG:
    return channels_last(logmel_vgg.build(Weights()))


@pytest.fixture(scope="module")
def published() -> dict[str, torch.Tensor]:
    return checkpoint(vggish())


def test_names_shapes_and_number_of_parameters_are_those_of_vggish() -> None:
    with torch.device("meta"):
        own = shapes(LogMelVGG().state_dict())
    assert own == vggish()
    assert len(own) == 18
    assert parameters(own) == 72_141_184


def test_it_is_vggish_on_longer_patches(published: dict[str, torch.Tensor]) -> None:
    """Where a patch is VGGish's own and 11 rows of what pools and convolutions never see, the embeddings agree."""
    ours, theirs = LogMelVGG.from_published(published), VGGish.from_published(published)
    patches = picture(2, 96, 64)
    with torch.inference_mode():
        expected = theirs(patches)
        maps = ours.features(patches.unsqueeze(1))
        embeddings = ours.embeddings(maps.permute(0, 2, 3, 1).flatten(1))
        longer = ours(torch.cat([patches, picture(2, 11, 64)], dim=1))
    torch.testing.assert_close(embeddings, expected, rtol=0, atol=1e-4)
    assert longer.shape == (2, 128)
    assert (longer - expected).abs().max() > 1e-3


def test_post_processing_is_left_out_of_a_checkpoint_and_all_else_strict(
    published: dict[str, torch.Tensor],
) -> None:
    extended = published | {"pproc.pca_means": torch.zeros(128, 1)}
    assert same(LogMelVGG.from_published(extended).state_dict(), published)
    with pytest.raises(InputError, match=r"unexpected features\.16\.weight"):
        LogMelVGG.from_published(extended | {"features.16.weight": torch.zeros(1)})


def test_patches_of_another_size_are_refused(network: LogMelVGG) -> None:
    with pytest.raises(ValueError, match=r"\(n, 107, 64\), got \(1, 96, 64\)"):
        network(torch.zeros(1, 96, 64))


def test_random_weights_come_from_their_seed_and_tell_sounds_apart(network: LogMelVGG) -> None:
    assert same(network.state_dict(), logmel_vgg.build(Weights()).state_dict())
    with torch.inference_mode():
        embeddings = network(sample_patches(99)[::2])
    assert embeddings.mean().abs() < 0.5
    assert 0.5 < embeddings.std() < 2
    assert spread(embeddings) > 0.5


@pytest.mark.parametrize("batch", [1, 5])
def test_every_frame_gets_the_sound_before_it(network: LogMelVGG, batch: int) -> None:
    clip = make_loud_clip(frames=7)
    rows = logmel_vgg.embed(network, clip, batch=batch, device=CPU)
    assert (rows.shape, rows.dtype) == ((7, logmel_vgg.DIMENSION), np.float32)
    ends = patch_ends(clip.time)
    patches = patches_at(decibel_rows(clip.other_audio[44100], last=int(ends.max())), ends)
    with torch.inference_mode():
        expected = [network(torch.from_numpy(patch[None])).numpy()[0] for patch in patches]
    np.testing.assert_allclose(rows, expected, rtol=1e-4, atol=1e-4)
    assert logmel_vgg.valid(clip).all()
