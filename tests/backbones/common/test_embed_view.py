import numpy as np
import pytest
import torch

from pipeline.backbones import ir50
from pipeline.backbones.common.embed import Extraction, embed_clip
from pipeline.backbones.common.embed_view import ViewExtraction, embed_view
from pipeline.backbones.common.weights import Weights
from pipeline.clips.clip import write_clip
from pipeline.features.store import FeatureStore, assemble_store
from tests.backbones.clips import make_clip


def extraction(folder, name, clip):
    write_clip(folder / f"{clip.trial}.h5", clip)
    return Extraction(
        backbone=name,
        trial=clip.trial,
        clip=folder / f"{clip.trial}.h5",
        weights=Weights(),
        precision="float32",
        batch=4,
        store="float32",
    )


def read(folder, task, function):
    out = folder / "out"
    out.mkdir()
    function(task, out)
    assemble_store(folder / "store.zarr", {"7": out}, attributes={})
    return FeatureStore.open(folder / "store.zarr").read("7")


@pytest.mark.parametrize(("view", "top", "left", "step"), [("bottom_left", 8, 0, 1), ("top_right_flipped", 0, 8, -1)])
def test_a_view_is_what_the_network_says_of_those_pixels(tmp_path, random_ir50, view, top, left, step):
    clip = make_clip(frames=5)
    features = read(tmp_path, ViewExtraction(centre=extraction(tmp_path, "ir50", clip), view=view), embed_view)
    pixels = torch.from_numpy(clip.faces[:, top : top + 40, left : left + 40][:, :, ::step].copy())
    with torch.inference_mode():
        expected = random_ir50(ir50.normalise(pixels)).numpy()
    np.testing.assert_allclose(features.embedding, expected, atol=1e-5)
    np.testing.assert_array_equal(features.valid, clip.face_valid)
    np.testing.assert_array_equal(features.time, clip.time)


def test_views_of_one_face_differ_and_of_no_face_do_not(tmp_path):
    task = extraction(tmp_path, "ir50", make_clip(frames=4))
    (tmp_path / "other").mkdir()
    centre = read(tmp_path, task, embed_clip).embedding
    corner = read(tmp_path / "other", ViewExtraction(centre=task, view="top_left"), embed_view).embedding
    np.testing.assert_array_equal(corner[2], centre[2])
    assert (np.abs(corner - centre).max(axis=1) > 1e-3).tolist() == [True, True, False, True]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resnet50", "i3d"])
def test_a_mirrored_clip_gives_the_mirrored_view(tmp_path, name):
    """The flip of what is stored equals the embedding of a clip that was mirrored before, mapped crops included."""
    random = np.random.default_rng(3)
    faces = random.integers(0, 256, (4, 48, 48, 3), dtype=np.uint8)
    large = random.integers(0, 256, (4, 112, 112, 3), dtype=np.uint8)
    whole = np.ones(4, dtype=np.bool_)
    clip = make_clip(frames=4, faces=faces, face_valid=whole, other_faces={112: large})
    mirrored = make_clip(
        frames=4,
        faces=faces[:, :, ::-1].copy(),
        face_valid=whole,
        other_faces={112: large[:, :, ::-1].copy()},
    )
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    task = ViewExtraction(centre=extraction(tmp_path / "a", name, clip), view="centre_flipped")
    got = read(tmp_path / "a", task, embed_view)
    expected = read(tmp_path / "b", extraction(tmp_path / "b", name, mirrored), embed_clip)
    np.testing.assert_array_equal(got.embedding, expected.embedding)
