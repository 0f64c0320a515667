import numpy as np
import pytest
import torch

from pipeline.backbones.ir50 import CROP, IR50, centre_crop, embed, normalise
from pipeline.runtime.errors import InputError
from tests.backbones.clips import make_clip
from tests.golden.checkpoint import GOLDEN, checkpoint

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def published() -> dict[str, torch.Tensor]:
    return checkpoint("ir50")


def bare(published: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {key.removeprefix("backbone."): value for key, value in published.items() if key.startswith("backbone.")}


@pytest.mark.parametrize("names", ["published", "bare"])
def test_the_published_weights_give_the_published_embeddings(published: dict[str, torch.Tensor], names: str) -> None:
    golden = np.load(GOLDEN / "ir50.npz")
    network = IR50.from_published(published if names == "published" else bare(published))
    with torch.inference_mode():
        embeddings = network(normalise(torch.from_numpy(golden["images"]))).numpy()
    assert embeddings.shape == golden["embeddings"].shape == (3, 512)
    np.testing.assert_allclose(embeddings, golden["embeddings"], rtol=0, atol=1e-5)


def test_the_published_names_shapes_and_order(published: dict[str, torch.Tensor]) -> None:
    network = IR50()
    own = {f"backbone.{key}": tuple(value.shape) for key, value in network.state_dict().items()}
    logits = {"logits.weight": (8, 512), "logits.bias": (8,)}
    assert own | logits == {key: tuple(value.shape) for key, value in published.items()}
    assert list(own) == [key for key in published if key not in logits]
    names = [name for name, _ in network.named_parameters()]
    assert len(names) == 187
    # The published code releases parameters by these positions.
    assert {name.split(".")[0] for name in names[4:10]} == {"output_layer"}
    assert {".".join(name.split(".")[:2]) for name in names[163:187]} == {"body.21", "body.22", "body.23"}


def test_the_number_of_parameters() -> None:
    logits = 512 * 8 + 8
    assert sum(parameter.numel() for parameter in IR50().parameters()) == 37_287_624 - logits


def test_a_checkpoint_that_does_not_fit_is_refused_with_all_that_is_wrong(published: dict[str, torch.Tensor]) -> None:
    broken = dict(published)
    del broken["backbone.body.3.shortcut_layer.0.weight"]
    broken["backbone.body.24.res_layer.0.weight"] = torch.zeros(512)
    broken["backbone.output_layer.3.weight"] = torch.zeros(512, 512 * 7 * 7)
    with pytest.raises(InputError) as error:
        IR50.from_published(broken)
    assert len(error.value.problems) == 3
    text = str(error.value)
    assert "missing body.3.shortcut_layer.0.weight, of shape (128, 64, 1, 1)" in text
    assert "unexpected body.24.res_layer.0.weight, of shape (512,)" in text
    assert "mis-shaped output_layer.3.weight: (512, 25088) in the checkpoint, (512, 12800) in the network" in text


def test_embeddings_are_unit_vectors_that_do_not_depend_on_the_batch(random_ir50: IR50) -> None:
    faces = torch.randn(5, 3, CROP, CROP, generator=torch.Generator().manual_seed(0)).clamp(-1, 1)
    before = {key: value.clone() for key, value in random_ir50.state_dict().items()}
    with torch.inference_mode():
        together, alone = random_ir50(faces), random_ir50(faces[3:4])
    torch.testing.assert_close(together.norm(dim=1), torch.ones(5))
    torch.testing.assert_close(together[3:4], alone, rtol=0, atol=1e-5)
    assert all(torch.equal(before[key], value) for key, value in random_ir50.state_dict().items())


def test_faces_of_another_size_are_refused(random_ir50: IR50) -> None:
    with pytest.raises(ValueError, match=r"\(n, 3, 40, 40\), got \(1, 3, 48, 48\)"):
        random_ir50(torch.zeros(1, 3, 48, 48))


def test_the_centre_of_a_crop() -> None:
    faces = np.arange(2 * 48 * 48 * 3, dtype=np.int64).reshape(2, 48, 48, 3).astype(np.uint8)
    np.testing.assert_array_equal(centre_crop(faces), faces[:, 4:44, 4:44])
    np.testing.assert_array_equal(centre_crop(faces[:, 4:44, 4:44]), faces[:, 4:44, 4:44])


def test_black_is_minus_one_and_white_is_one() -> None:
    assert (normalise(torch.zeros(1, CROP, CROP, 3, dtype=torch.uint8)) == -1).all()
    assert (normalise(torch.full((1, CROP, CROP, 3), 255, dtype=torch.uint8)) == 1).all()


@pytest.mark.parametrize("batch", [1, 5, 64])
def test_every_frame_gets_its_own_face(random_ir50: IR50, batch: int) -> None:
    clip = make_clip(frames=12)
    rows = embed(random_ir50, clip, batch=batch, device=CPU)
    assert rows.shape == (12, 512)
    assert rows.dtype == np.float32
    crops = torch.from_numpy(clip.faces[:, 4:44, 4:44].copy())
    with torch.inference_mode():
        expected = np.concatenate([random_ir50(normalise(crop[None])).numpy() for crop in crops])
    np.testing.assert_allclose(rows, expected, rtol=0, atol=1e-5)


def test_a_clip_without_any_face(random_ir50: IR50) -> None:
    clip = make_clip(frames=4, face_valid=np.zeros(4, dtype=np.bool_))
    rows = embed(random_ir50, clip, batch=2, device=CPU)
    assert rows.shape == (4, 512)
    assert (rows == rows[0]).all()


def test_faces_smaller_than_the_crop_are_refused_with_the_remedy(random_ir50: IR50) -> None:
    clip = make_clip(frames=2, faces=np.zeros((2, 32, 32, 3), dtype=np.uint8))
    with pytest.raises(InputError, match=r"trial 7: faces of 32 x 32 .*face_size: 48"):
        embed(random_ir50, clip, batch=2, device=CPU)
