import copy

import numpy as np
import pytest
import torch

from pipeline.backbones.vggish import VGGish, embed, log_mel_patches, valid
from pipeline.runtime.errors import InputError
from tests.backbones.clips import make_clip
from tests.golden.checkpoint import GOLDEN, checkpoint

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def published() -> dict[str, torch.Tensor]:
    return checkpoint("vggish")


def test_the_published_weights_give_the_published_embeddings(published: dict[str, torch.Tensor]) -> None:
    golden = np.load(GOLDEN / "vggish.npz")
    network = VGGish.from_published(published)
    with torch.inference_mode():
        embeddings = network(torch.from_numpy(golden["logmel"])).numpy()
    assert embeddings.shape == golden["embeddings"].shape == (2, 128)
    np.testing.assert_allclose(embeddings, golden["embeddings"], rtol=0, atol=1e-4)
    # Before the last activation: some of it is negative.
    assert (embeddings < 0).any()


def test_names_shapes_and_number_of_parameters(published: dict[str, torch.Tensor]) -> None:
    with torch.device("meta"):
        network = VGGish()
    own = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    assert own == {key: tuple(value.shape) for key, value in published.items()}
    assert len(own) == 18
    assert sum(parameter.numel() for parameter in network.parameters()) == 72_141_184


def test_the_post_processing_of_a_checkpoint_is_left_out(published: dict[str, torch.Tensor]) -> None:
    extended = published | {"pproc.pca_eigen_vectors": torch.zeros(128, 128), "pproc.pca_means": torch.zeros(128, 1)}
    network = VGGish.from_published(extended)
    assert torch.equal(network.state_dict()["embeddings.4.bias"], published["embeddings.4.bias"])


def test_a_checkpoint_that_does_not_fit_is_refused_with_all_that_is_wrong() -> None:
    with pytest.raises(InputError) as error:
        VGGish.from_published({"features.0.weight": torch.zeros(64, 3, 3, 3), "classifier.bias": torch.zeros(10)})
    text = str(error.value)
    assert len(error.value.problems) == 19
    assert "mis-shaped features.0.weight: (64, 3, 3, 3) in the checkpoint, (64, 1, 3, 3) in the network" in text
    assert "unexpected classifier.bias, of shape (10,)" in text
    assert "missing embeddings.0.weight, of shape (4096, 12288)" in text


def test_patches_of_another_shape_are_refused(random_vggish: VGGish) -> None:
    with pytest.raises(ValueError, match=r"\(n, 96, 64\), got \(1, 64, 96\)"):
        random_vggish(torch.zeros(1, 64, 96))


@pytest.mark.parametrize("fps", [25, 30])
def test_the_patches_of_the_published_front_end(fps: float) -> None:
    golden = np.load(GOLDEN / f"vggish_frontend_{fps}fps.npz")
    patches = log_mel_patches(golden["pcm16"], golden["index"] / fps)
    assert patches.dtype == np.float32
    np.testing.assert_allclose(patches, golden["examples"], rtol=0, atol=1e-4)


@pytest.mark.parametrize("fps", [5.0, 30.0])
def test_every_frame_hears_its_own_patch(random_vggish: VGGish, fps: float) -> None:
    clip = make_clip(frames=14, fps=fps)
    rows = embed(random_vggish, clip, batch=256, device=CPU)
    assert rows.shape == (14, 128)
    assert rows.dtype == np.float32
    with torch.inference_mode():
        expected = random_vggish(torch.from_numpy(log_mel_patches(clip.audio, clip.time))).numpy()
    np.testing.assert_allclose(rows, expected, rtol=0, atol=1e-4)
    assert valid(clip).all()


def test_frames_behind_the_sound_and_clips_without_any_are_marked(random_vggish: VGGish) -> None:
    clip = make_clip(frames=10, fps=5.0, audio=np.full(8000, 300, dtype=np.int16))
    assert valid(clip).tolist() == [True] * 3 + [False] * 7
    silent = make_clip(frames=3, fps=5.0, audio=np.zeros(0, dtype=np.int16))
    assert not valid(silent).any()
    assert np.isfinite(embed(random_vggish, silent, batch=4, device=CPU)).all()


def test_sound_at_another_rate_is_refused_with_the_remedy(random_vggish: VGGish) -> None:
    with pytest.raises(InputError, match=r"trial 7: sound at 8000 Hz.*sample_rate: 16000"):
        embed(random_vggish, make_clip(sample_rate=8000), batch=4, device=CPU)


def test_in_bfloat16_the_first_convolution_is_that_of_float32(random_vggish: VGGish) -> None:
    placed = copy.deepcopy(random_vggish).for_inference(torch.device("cpu"), torch.bfloat16)
    assert isinstance(placed, VGGish)
    for key, exact in random_vggish.features[0].state_dict().items():
        torch.testing.assert_close(placed.state_dict()[f"features.0.{key}"], exact, rtol=0, atol=0)
    assert placed.state_dict()["features.4.weight"].dtype == torch.bfloat16
    # Its maps are in the layout that the next one computes in: a weight of one channel decides that.
    maps = placed.features[0](torch.zeros(1, 1, 96, 64))
    assert maps.is_contiguous(memory_format=torch.channels_last)
