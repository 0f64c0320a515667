import numpy as np
import pytest
import torch

from pipeline.backbones.common import embed as module
from pipeline.backbones.common.embed import Extraction, embed_clip
from pipeline.backbones.common.interface import load_backbone
from pipeline.backbones.common.weights import Weights
from pipeline.clips.clip import write_clip
from pipeline.features.store import FeatureStore, assemble_store
from pipeline.runtime.device import use_device
from tests.backbones.clips import make_clip


def extract(folder, name, *, precision="float32", batch=8, store="float32", clip=None, device="cpu"):
    clip = clip or make_clip()
    write_clip(folder / f"{clip.trial}.h5", clip)
    extraction = Extraction(
        backbone=name,
        trial=clip.trial,
        clip=folder / f"{clip.trial}.h5",
        weights=Weights(),
        precision=precision,
        batch=batch,
        store=store,
    )
    out = folder / f"{name}-{precision}-{batch}-{store}-{device}"
    out.mkdir()
    with use_device(device):
        embed_clip(extraction, out)
    assemble_store(folder / "store.zarr", {clip.trial: out}, attributes={})
    return FeatureStore.open(folder / "store.zarr").read(clip.trial), out


@pytest.mark.parametrize("name", ["ir50", "vggish"])
def test_the_item_holds_what_the_backbone_says(tmp_path, name):
    clip = make_clip()
    features, _ = extract(tmp_path, name, clip=clip)
    backbone = load_backbone(name)
    network = module._network(name, Weights(), "float32", "cpu")
    expected = backbone.embed(network, clip, batch=8, device=torch.device("cpu"))
    np.testing.assert_array_equal(features.embedding, expected)
    assert features.embedding.shape == (12, backbone.DIMENSION)
    np.testing.assert_array_equal(features.time, clip.time)
    np.testing.assert_array_equal(features.valid, clip.face_valid if name == "ir50" else np.ones(12, dtype=np.bool_))


def test_a_worker_makes_its_network_once(tmp_path, monkeypatch):
    built = []
    module._network.cache_clear()
    backbone = load_backbone("ir50")
    original = backbone.build
    monkeypatch.setattr(backbone, "build", lambda weights: built.append(weights) or original(weights))
    for trial in ("a", "b"):
        extract(tmp_path, "ir50", clip=make_clip(trial, frames=2), store="float16" if trial == "a" else "float32")
    assert built == [Weights()]


def test_the_same_clip_gives_the_same_bytes(tmp_path):
    outs = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        folder.mkdir()
        outs.append(extract(folder, "vggish", store="float16")[1])
    files = [{file.relative_to(out): file.read_bytes() for file in out.rglob("*") if file.is_file()} for out in outs]
    assert len(files[0]) == 7
    assert files[0] == files[1]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ir50", "vggish"])
def test_batch_precision_and_storage_move_little(tmp_path, name):
    """What the parameters of speed and size may cost: float noise, a percent or two, and half-precision rounding."""
    clip = make_clip(frames=20)
    exact = extract(tmp_path, name, clip=clip)[0].embedding
    scale = np.abs(exact).max()
    other_batch = extract(tmp_path, name, clip=clip, batch=3)[0].embedding
    np.testing.assert_allclose(other_batch, exact, rtol=0, atol=1e-5 * scale)
    stored = extract(tmp_path, name, clip=clip, store="float16")[0].embedding
    assert stored.dtype == np.float16
    np.testing.assert_allclose(stored, exact, rtol=0, atol=1e-3 * scale)
    rough = extract(tmp_path, name, clip=clip, precision="bfloat16")[0].embedding
    cosine = (rough * exact).sum(axis=1) / np.linalg.norm(rough, axis=1) / np.linalg.norm(exact, axis=1)
    assert 0.998 < cosine.min() <= cosine.max() < 1.000001
    assert not np.allclose(rough, exact, rtol=0, atol=1e-4 * scale)


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["ir50", "vggish"])
def test_a_gpu_gives_the_same_features(tmp_path, name):
    here = extract(tmp_path, name)[0].embedding
    there = extract(tmp_path, name, device="cuda:0")[0].embedding
    np.testing.assert_allclose(there, here, rtol=0, atol=2e-3 * np.abs(here).max())
