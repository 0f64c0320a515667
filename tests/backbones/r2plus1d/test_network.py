import numpy as np
import pytest
import torch

from pipeline.backbones import r2plus1d
from pipeline.backbones.common.video_clips import clip_frames, sample_clips
from pipeline.backbones.common.weights import Weights
from pipeline.backbones.r2plus1d import R2Plus1D
from pipeline.runtime.errors import InputError
from tests.backbones.clips import make_clip
from tests.backbones.layouts import checkpoint, parameters, picture, r2plus1d_18, shapes
from tests.backbones.randomness import misfit, same, spread
from tests.golden.checkpoint import GOLDEN

CPU = torch.device("cpu")
LAYOUT = r2plus1d_18()


@pytest.fixture(scope="module")
def published() -> dict[str, torch.Tensor]:
    return checkpoint(LAYOUT, empty=("fc.",))


@pytest.fixture(scope="module")
def network() -> R2Plus1D:
    return r2plus1d.build(Weights())


def test_names_shapes_and_number_of_parameters() -> None:
    with torch.device("meta"):
        own = shapes(R2Plus1D().state_dict())
    assert own == {key: shape for key, shape in LAYOUT.items() if not key.startswith("fc.")}
    assert len(LAYOUT) == 224
    assert parameters(LAYOUT) == 31_505_325
    assert parameters(own) == 31_505_325 - 400 * 512 - 400


def test_published_weights_give_the_published_embeddings(published: dict[str, torch.Tensor]) -> None:
    expected = np.load(GOLDEN / "networks.npz")["r2plus1d"]
    with torch.inference_mode():
        embeddings = R2Plus1D.from_published(published)(picture(1, 3, 8, 112, 112))
    assert embeddings.shape == (1, r2plus1d.DIMENSION) == expected.shape
    np.testing.assert_allclose(embeddings, expected, rtol=0, atol=1e-4)


def test_a_checkpoint_of_the_deeper_network_is_refused(published: dict[str, torch.Tensor]) -> None:
    deeper = published | {"layer1.2.conv1.1.bias": torch.zeros(64)}
    with pytest.raises(InputError, match=r"does not fit R\(2\+1\)D-18") as error:
        R2Plus1D.from_published(deeper)
    assert len(error.value.problems) == 1


def test_time_matters_and_not_only_its_content(network: R2Plus1D) -> None:
    clips = sample_clips(2, mean=r2plus1d.MEAN, deviation=r2plus1d.DEVIATION, seed=5)[..., :48, :48]
    with torch.inference_mode():
        forwards, backwards = network(clips), network(clips.flip(2))
    assert (forwards - backwards).abs().max() > 0.01


def test_other_shapes_are_refused(network: R2Plus1D) -> None:
    with pytest.raises(ValueError, match=r"\(n, 3, t, h, w\), got \(1, 3, 112, 112\)"):
        network(torch.zeros(1, 3, 112, 112))


def test_random_weights_tell_clips_apart(network: R2Plus1D) -> None:
    clips = sample_clips(2, mean=r2plus1d.MEAN, deviation=r2plus1d.DEVIATION, seed=99)
    assert all(abs(mean) < 0.7 and 0.5 < deviation < 2 for mean, deviation in misfit(network, clips).values())
    with torch.inference_mode():
        assert spread(network(clips)) > 0.1


@pytest.mark.slow
def test_random_weights_come_from_their_seed(network: R2Plus1D) -> None:
    assert same(network.state_dict(), r2plus1d.build(Weights()).state_dict())
    other = r2plus1d.build(Weights(seed=1))
    assert not torch.equal(network.get_parameter("stem.0.weight"), other.get_parameter("stem.0.weight"))


def test_every_frame_gets_its_own_clip(network: R2Plus1D) -> None:
    faces = np.random.default_rng(0).integers(0, 256, (3, 112, 112, 3), dtype=np.uint8)
    clip = make_clip(frames=3, other_faces={112: faces})
    rows = r2plus1d.embed(network, clip, batch=2, device=CPU)
    assert (rows.shape, rows.dtype) == ((3, 512), np.float32)
    scaled = ((faces[clip_frames(3)[2]] / 255 - r2plus1d.MEAN) / r2plus1d.DEVIATION).transpose(3, 0, 1, 2)
    with torch.inference_mode():
        expected = network(torch.from_numpy(scaled[None].astype(np.float32))).numpy()[0]
    np.testing.assert_allclose(rows[2], expected, rtol=1e-4, atol=1e-4)
    assert r2plus1d.valid(clip).all()
