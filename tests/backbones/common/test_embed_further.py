"""The further backbones through the item function of the extract stage: from the clip's file to the store."""

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
from tests.backbones.clips import make_loud_clip

NAMES = ("resnet50", "cnn2d_visual", "cnn2d_audio", "resnet18_audio", "logmel_vgg", "i3d")


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", [*NAMES, pytest.param("r2plus1d", marks=pytest.mark.slow)])
def test_the_item_holds_what_the_backbone_says(tmp_path, name, precision):
    large = np.random.default_rng(0).integers(0, 256, (4, 112, 112, 3), dtype=np.uint8)
    clip = make_loud_clip(frames=4, other_faces={112: large})
    write_clip(tmp_path / "7.h5", clip)
    extraction = Extraction(
        backbone=name,
        trial="7",
        clip=tmp_path / "7.h5",
        weights=Weights(),
        precision=precision,
        batch=3,
        store="float16",
    )
    (tmp_path / "item").mkdir()
    with use_device("cpu"):
        embed_clip(extraction, tmp_path / "item")
    assemble_store(tmp_path / "store.zarr", {"7": tmp_path / "item"}, attributes={})
    features = FeatureStore.open(tmp_path / "store.zarr").read("7")
    backbone = load_backbone(name)
    assert features.embedding.shape == (4, backbone.DIMENSION)
    np.testing.assert_array_equal(features.valid, backbone.valid(clip))
    exact = backbone.embed(backbone.build(Weights()), clip, batch=4, device=torch.device("cpu"))
    similarity = (features.embedding.astype(np.float64) * exact).sum(axis=1) / (
        np.linalg.norm(features.embedding.astype(np.float64), axis=1) * np.linalg.norm(exact, axis=1)
    )
    assert similarity.min() > (0.99999 if precision == "float32" else 0.99)
    network = module._network(name, Weights(), precision, "cpu")
    assert {parameter.dtype for parameter in network.parameters()} == {getattr(torch, precision)}
