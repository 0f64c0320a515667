from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch

from pipeline.backbones import ir50
from pipeline.backbones.common import embed as module
from pipeline.backbones.common.embed import Extraction, Precision, embed_clip
from pipeline.backbones.common.interface import load_backbone
from pipeline.backbones.common.weights import Weights
from pipeline.clips.clip import Clip, write_clip
from pipeline.features.store import Features, FeatureStore, assemble_store
from pipeline.runtime.device import use_device
from pipeline.runtime.errors import InputError
from tests.backbones.clips import make_clip, make_loud_clip


def extract(
    folder: Path,
    name: str,
    *,
    view: str = "centre",
    precision: Precision = "float32",
    batch: int = 8,
    store: Literal["float16", "float32"] = "float32",
    clip: Clip | None = None,
    content: str | None = None,
    device: str = "cpu",
) -> tuple[Features, Path]:
    clip = clip or make_clip()
    write_clip(folder / f"{clip.trial}.h5", clip)
    extraction = Extraction(
        backbone=name,
        trial=clip.trial,
        view=view,
        clip=folder / f"{clip.trial}.h5",
        content=content or clip.content(load_backbone(name).DATASETS),
        weights=Weights(),
        precision=precision,
        batch=batch,
        store=store,
    )
    out = folder / f"{name}-{view}-{precision}-{batch}-{store}-{device}"
    out.mkdir(exist_ok=True)
    with use_device(device):
        embed_clip(extraction, out)
    assemble_store(folder / "store.zarr", {clip.trial: out}, attributes={})
    return FeatureStore.open(folder / "store.zarr").read(clip.trial), out


@pytest.mark.parametrize("name", ["ir50", "vggish"])
def test_the_item_holds_what_the_backbone_embeds(tmp_path: Path, name: str) -> None:
    clip = make_clip()
    features, _ = extract(tmp_path, name, clip=clip)
    backbone = load_backbone(name)
    network = module.inference_network(name, Weights(), "float32", "cpu")
    expected = backbone.embed(network, clip, batch=8, device=torch.device("cpu"))
    np.testing.assert_array_equal(features.embedding, expected)
    assert features.embedding.shape == (12, backbone.DIMENSION)
    np.testing.assert_array_equal(features.time, clip.time)
    np.testing.assert_array_equal(features.valid, clip.face_valid if name == "ir50" else np.ones(12, dtype=np.bool_))


@pytest.mark.slow
def test_a_worker_makes_its_network_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[Weights] = []
    module.inference_network.cache_clear()
    backbone = load_backbone("ir50")
    original = backbone.build

    def recording(weights: Weights) -> torch.nn.Module:
        built.append(weights)
        return original(weights)

    monkeypatch.setattr(backbone, "build", recording)
    stores: dict[str, Literal["float16", "float32"]] = {"a": "float16", "b": "float32"}
    for trial, store in stores.items():
        extract(tmp_path, "ir50", clip=make_clip(trial, frames=2), store=store)
    assert built == [Weights()]


@pytest.mark.slow
def test_the_same_clip_gives_the_same_bytes(tmp_path: Path) -> None:
    outs = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        folder.mkdir()
        outs.append(extract(folder, "vggish", store="float16")[1])
    files = [{file.relative_to(out): file.read_bytes() for file in out.rglob("*") if file.is_file()} for out in outs]
    assert len(files[0]) == 1
    assert files[0] == files[1]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ir50", "vggish"])
def test_batch_precision_and_storage_move_little(tmp_path: Path, name: str) -> None:
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
    assert 0.999 < cosine.min() <= cosine.max() < 1.000001
    assert not np.allclose(rough, exact, rtol=0, atol=1e-4 * scale)


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["ir50", "vggish"])
def test_a_gpu_gives_the_same_features(tmp_path: Path, name: str) -> None:
    here = extract(tmp_path, name)[0].embedding
    there = extract(tmp_path, name, device="cuda:0")[0].embedding
    np.testing.assert_allclose(there, here, rtol=0, atol=2e-3 * np.abs(here).max())


NAMES = ("resnet50", "cnn2d_visual", "cnn2d_audio", "resnet18_audio", "logmel_vgg", "i3d")


@pytest.mark.parametrize("precision", ["float32", pytest.param("bfloat16", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", [*NAMES, pytest.param("r2plus1d", marks=pytest.mark.slow)])
def test_a_further_backbones_item_is_close_to_its_embedding(tmp_path: Path, name: str, precision: Precision) -> None:
    large = np.random.default_rng(0).integers(0, 256, (4, 112, 112, 3), dtype=np.uint8)
    clip = make_loud_clip(frames=4, other_faces={112: large})
    features, _ = extract(tmp_path, name, clip=clip, precision=precision, batch=3, store="float16")
    backbone = load_backbone(name)
    assert features.embedding.shape == (4, backbone.DIMENSION)
    np.testing.assert_array_equal(features.valid, backbone.valid(clip))
    exact = backbone.embed(backbone.build(Weights()), clip, batch=4, device=torch.device("cpu"))
    similarity = (features.embedding.astype(np.float64) * exact).sum(axis=1) / (
        np.linalg.norm(features.embedding.astype(np.float64), axis=1) * np.linalg.norm(exact, axis=1)
    )
    assert similarity.min() > (0.99999 if precision == "float32" else 0.99)
    network = module.inference_network(name, Weights(), precision, "cpu")
    # VGGish's network begins in float32.
    begins = {"features.0.weight", "features.0.bias"} if name == "logmel_vgg" else set()
    rest = [parameter for key, parameter in network.named_parameters() if key not in begins]
    assert {parameter.dtype for parameter in rest} == {getattr(torch, precision)}


@pytest.mark.parametrize(
    ("view", "top", "left", "step"), [("bottom_left", 8, 0, 1), ("top_right_flipped", 0, 8, -1), ("centre", 4, 4, 1)]
)
def test_a_view_is_the_embedding_of_its_pixels(
    tmp_path: Path, random_ir50: ir50.IR50, view: str, top: int, left: int, step: int
) -> None:
    clip = make_clip(frames=5)
    features, _ = extract(tmp_path, "ir50", clip=clip, view=view, batch=4)
    pixels = torch.from_numpy(clip.faces[:, top : top + 40, left : left + 40][:, :, ::step].copy())
    with torch.inference_mode():
        expected = random_ir50(ir50.normalise(pixels)).numpy()
    np.testing.assert_allclose(features.embedding, expected, atol=1e-5)
    np.testing.assert_array_equal(features.valid, clip.face_valid)
    np.testing.assert_array_equal(features.time, clip.time)


def test_views_of_one_face_differ_and_of_no_face_do_not(tmp_path: Path) -> None:
    clip = make_clip(frames=4)
    centre = extract(tmp_path, "ir50", clip=clip)[0].embedding
    corner = extract(tmp_path, "ir50", clip=clip, view="top_left")[0].embedding
    np.testing.assert_array_equal(corner[2], centre[2])
    assert (np.abs(corner - centre).max(axis=1) > 1e-3).tolist() == [True, True, False, True]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resnet50", "i3d"])
def test_a_mirrored_clip_gives_the_mirrored_view(tmp_path: Path, name: str) -> None:
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
    got = extract(tmp_path, name, clip=clip, view="centre_flipped")[0]
    expected = extract(tmp_path, name, clip=mirrored)[0]
    np.testing.assert_array_equal(got.embedding, expected.embedding)


@pytest.mark.parametrize("name", ["ir50", "vggish"])
def test_a_clip_that_is_not_the_manifests_is_refused(tmp_path: Path, name: str) -> None:
    clip = make_clip()
    extract(tmp_path, name, clip=clip)
    labels = replace(clip, labels=clip.labels + 1)
    extract(tmp_path, name, clip=labels, content=clip.content(()))
    faces = clip.faces.copy()
    faces[3, 0, 0, 0] ^= 1
    with pytest.raises(InputError, match=r"not what data/clips/manifest.csv says") as caught:
        extract(tmp_path, name, clip=replace(clip, faces=faces), content=clip.content(()))
    assert caught.value.problems[0].trial == clip.trial
