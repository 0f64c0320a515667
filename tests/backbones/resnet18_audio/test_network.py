import numpy as np
import pytest
import torch

from pipeline.backbones import resnet18_audio
from pipeline.backbones.common.spectrogram import decibel_rows, patch_ends, patches_at, sample_patches
from pipeline.backbones.common.weights import Weights
from pipeline.backbones.resnet18_audio import ResNet18Audio
from pipeline.runtime.errors import InputError
from tests.backbones.clips import make_loud_clip
from tests.backbones.layouts import checkpoint, parameters, picture, resnet, shapes
from tests.backbones.networks import channels_last
from tests.backbones.randomness import misfit, same, spread
from tests.golden.checkpoint import GOLDEN

CPU = torch.device("cpu")


def layout(channels: int) -> dict[str, tuple[int, ...]]:
    return resnet(bottleneck=False, counts=(2, 2, 2, 2), channels=channels)


@pytest.fixture(scope="module")
def network() -> ResNet18Audio:
    return channels_last(resnet18_audio.build(Weights()))


def test_names_shapes_and_number_of_parameters() -> None:
    with torch.device("meta"):
        own = shapes(ResNet18Audio().state_dict())
    assert own == {key: shape for key, shape in layout(1).items() if not key.startswith("fc.")}
    assert own["conv1.weight"] == (64, 1, 7, 7)
    assert parameters(layout(3)) == 11_689_512
    # Two channels of 64 x 7 x 7 fewer, and no classifier of 1000 x 512 + 1000.
    assert parameters(own) == 11_689_512 - 2 * 64 * 49 - 513_000 == 11_170_240


def test_published_weights_give_the_published_embeddings() -> None:
    expected = np.load(GOLDEN / "networks.npz")["resnet18_audio"]
    with torch.inference_mode():
        embeddings = ResNet18Audio.from_published(checkpoint(layout(1)))(picture(2, 1, 64, 107))
    assert embeddings.shape == (2, resnet18_audio.DIMENSION) == expected.shape
    np.testing.assert_allclose(embeddings, expected, rtol=0, atol=1e-4)


def test_a_network_for_colours_has_its_first_convolution_summed() -> None:
    colours, plane = checkpoint(layout(3)), checkpoint(layout(1))
    loaded = ResNet18Audio.from_published(colours).state_dict()
    torch.testing.assert_close(loaded["conv1.weight"][:, 0], colours["conv1.weight"].sum(dim=1))
    assert all(torch.equal(loaded[key], plane[key]) for key in loaded if key != "conv1.weight")


def test_all_else_is_strict() -> None:
    broken = checkpoint(layout(1)) | {"conv1.weight": torch.zeros(64, 2, 7, 7)}
    del broken["layer1.0.conv1.weight"]
    with pytest.raises(InputError) as error:
        ResNet18Audio.from_published(broken)
    assert len(error.value.problems) == 2
    assert "mis-shaped conv1.weight: (64, 2, 7, 7) in the checkpoint, (64, 1, 7, 7) in the network" in str(error.value)


def test_random_weights_come_from_their_seed_and_tell_sounds_apart(network: ResNet18Audio) -> None:
    assert same(network.state_dict(), resnet18_audio.build(Weights()).state_dict())
    patches = sample_patches(99)[::2].transpose(1, 2).unsqueeze(1)
    assert all(abs(mean) < 0.5 and 0.5 < deviation < 2 for mean, deviation in misfit(network, patches).values())
    with torch.inference_mode():
        assert spread(network(patches)) > 0.2


@pytest.mark.parametrize("batch", [1, 5])
def test_every_frame_gets_the_sound_before_it_bands_downwards(network: ResNet18Audio, batch: int) -> None:
    clip = make_loud_clip(frames=7)
    rows = resnet18_audio.embed(network, clip, batch=batch, device=CPU)
    assert (rows.shape, rows.dtype) == ((7, 512), np.float32)
    ends = patch_ends(clip.time)
    patches = patches_at(decibel_rows(clip.other_audio[44100], last=int(ends.max())), ends)
    with torch.inference_mode():
        expected = [network(torch.from_numpy(patch.T.copy())[None, None]).numpy()[0] for patch in patches]
    np.testing.assert_allclose(rows, expected, rtol=1e-4, atol=1e-4)
    assert resnet18_audio.valid(clip).all()
