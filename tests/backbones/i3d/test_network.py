import numpy as np
import pytest
import torch

from pipeline.backbones import i3d
from pipeline.backbones.common.video_clips import clip_frames, sample_clips
from pipeline.backbones.common.weights import Weights
from pipeline.backbones.i3d import I3D
from pipeline.runtime.errors import InputError
from tests.backbones.clips import make_clip
from tests.backbones.layouts import checkpoint, googlenet, parameters, picture, shapes
from tests.backbones.layouts import i3d as i3d_layout
from tests.backbones.randomness import misfit, same, spread
from tests.golden.checkpoint import GOLDEN

CPU = torch.device("cpu")
LAYOUT = i3d_layout()


@pytest.fixture(scope="module")
def published() -> dict[str, torch.Tensor]:
    return checkpoint(LAYOUT, empty=("logits.",))


@pytest.fixture(scope="module")
def network() -> I3D:
    return i3d.build(Weights())


def test_names_shapes_and_number_of_parameters() -> None:
    with torch.device("meta"):
        own = shapes(I3D().state_dict())
    assert own == {key: shape for key, shape in LAYOUT.items() if not key.startswith("logits.")}
    assert len(LAYOUT) == 344
    assert parameters(LAYOUT) == 12_697_264
    assert parameters(own) == 12_697_264 - 400 * 1024 - 400


@pytest.mark.parametrize(("golden", "shape"), [("i3d", (8, 112, 112)), ("i3d_odd", (9, 75, 58))])
def test_published_weights_give_the_published_embeddings(
    published: dict[str, torch.Tensor], golden: str, shape: tuple[int, ...]
) -> None:
    expected = np.load(GOLDEN / "networks.npz")[golden]
    with torch.inference_mode():
        embeddings = I3D.from_published(published)(picture(1, 3, *shape))
    assert embeddings.shape == (1, i3d.DIMENSION) == expected.shape
    np.testing.assert_allclose(embeddings, expected, rtol=0, atol=1e-5)


def test_the_published_file_has_no_batch_counters(published: dict[str, torch.Tensor]) -> None:
    counted = I3D.from_published(published)
    old = {key: value for key, value in published.items() if not key.endswith("num_batches_tracked")}
    assert same(I3D.from_published(old).state_dict(), counted.state_dict())


def test_a_two_dimensional_inception_is_inflated() -> None:
    flat = checkpoint(googlenet())
    network = I3D.from_published(flat)
    weight = network.Mixed_4d.b1b.conv3d.weight
    torch.testing.assert_close(weight.sum(dim=2), flat["inception4c.branch2.1.conv.weight"])
    torch.testing.assert_close(network.Mixed_5c.b3b.bn.running_var, flat["inception5b.branch4.1.bn.running_var"])


def test_a_checkpoint_that_does_not_fit_is_refused(published: dict[str, torch.Tensor]) -> None:
    broken = published | {"Mixed_3b.b0.conv3d.weight": torch.zeros(64, 192, 1, 1)}
    with pytest.raises(InputError, match=r"mis-shaped Mixed_3b\.b0\.conv3d\.weight"):
        I3D.from_published(broken)
    flat = checkpoint(googlenet()) | {"inception3a.branch3.1.conv.weight": torch.zeros(32, 16, 5, 5)}
    with pytest.raises(InputError, match=r"mis-shaped Mixed_3b\.b2b\.conv3d\.weight: \(32, 16, 5, 5, 5\)"):
        I3D.from_published(flat)


def test_random_weights_tell_clips_apart(network: I3D) -> None:
    clips = sample_clips(4, mean=i3d.MEAN, deviation=i3d.DEVIATION, seed=99)
    fits = misfit(network, clips)
    assert all(abs(mean) < 0.7 and 0.4 < deviation < 2.5 for mean, deviation in fits.values()), fits
    with torch.inference_mode():
        assert spread(network(clips)) > 0.2


@pytest.mark.slow
def test_random_weights_come_from_their_seed(network: I3D) -> None:
    assert same(network.state_dict(), i3d.build(Weights()).state_dict())
    other = i3d.build(Weights(seed=1))
    assert not torch.equal(network.Conv3d_1a_7x7.conv3d.weight, other.Conv3d_1a_7x7.conv3d.weight)


def test_every_frame_gets_its_own_clip(network: I3D) -> None:
    faces = np.random.default_rng(0).integers(0, 256, (9, 112, 112, 3), dtype=np.uint8)
    clip = make_clip(frames=9, other_faces={112: faces})
    rows = i3d.embed(network, clip, batch=4, device=CPU)
    assert (rows.shape, rows.dtype) == ((9, 1024), np.float32)
    scaled = (faces[clip_frames(9)] / 127.5 - 1).transpose(0, 4, 1, 2, 3).astype(np.float32)
    with torch.inference_mode():
        expected = torch.cat([network(torch.from_numpy(one[None])) for one in scaled]).numpy()
    np.testing.assert_allclose(rows, expected, rtol=1e-4, atol=1e-4)
    assert i3d.valid(clip).all()


def test_other_shapes_are_refused(network: I3D) -> None:
    with pytest.raises(ValueError, match=r"\(n, 3, t, h, w\), got \(1, 8, 3, 112, 112\)"):
        network(torch.zeros(1, 8, 3, 112, 112))
