from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.backbones import ir50
from pipeline.clips.clip import write_clip
from pipeline.clips.excerpt import OpenClip
from pipeline.finetuning.backbones import ir50 as finetuning
from pipeline.finetuning.release import released_names
from pipeline.finetuning.tunable import Augmentation
from pipeline.runtime.errors import InputError
from tests.backbones.clips import make_clip

CPU = torch.device("cpu")


def test_the_steps_are_the_forward_pass(random_ir50: ir50.IR50) -> None:
    x = torch.randn(3, 3, 40, 40, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        y = x
        for _, step in finetuning.steps(random_ir50):
            y = step(y)
        assert torch.equal(y, random_ir50(x))


def test_without_augmentation_it_gives_the_embeddings(random_ir50: ir50.IR50, tmp_path: Path) -> None:
    clip = make_clip(frames=6)
    write_clip(tmp_path / "7.h5", clip)
    with OpenClip(tmp_path / "7.h5") as opened:
        excerpt = finetuning.read(opened, np.array([1, 2, 3, 3]))
    with torch.no_grad():
        x = finetuning.prepare(random_ir50, excerpt, augmentation=Augmentation(), device=CPU)
        got = random_ir50(x).numpy()
    expected = ir50.embed(random_ir50, clip, batch=8, device=CPU)
    np.testing.assert_allclose(got, expected[[1, 2, 3, 3]], atol=1e-6)


def test_faces_smaller_than_the_crop_are_refused_with_their_size(tmp_path: Path) -> None:
    write_clip(tmp_path / "7.h5", make_clip(frames=3, faces=np.zeros((3, 32, 32, 3), dtype=np.uint8)))
    with OpenClip(tmp_path / "7.h5") as clip, pytest.raises(InputError, match=r"trial 7: faces of 32 x 32.*40 x 40"):
        finetuning.read(clip, np.array([0]))


@pytest.mark.parametrize("size", [40, 41, 48, 112])
def test_crops_reach_every_place_and_stay_inside(size: int) -> None:
    shares = np.linspace(0, 1, 500, endpoint=False)
    corners = {finetuning.crop_corner(Augmentation((share, share)), height=size, width=size) for share in shares}
    assert corners == {(place, place) for place in range(size - 40 + 1)}
    assert finetuning.crop_corner(Augmentation(), height=size, width=size) == ((size - 40) // 2,) * 2


def test_an_augmentation_crops_and_mirrors_all_frames_alike(random_ir50: ir50.IR50) -> None:
    faces = np.random.default_rng(0).integers(0, 256, (3, 48, 48, 3), dtype=np.uint8)
    x = finetuning.prepare(random_ir50, (faces,), augmentation=Augmentation((0.99, 0.0), mirrored=True), device=CPU)
    expected = (faces[:, 8:, :40][:, :, ::-1].astype(np.float32) / 255 - 0.5) / 0.5
    np.testing.assert_allclose(x.permute(0, 2, 3, 1).numpy(), expected, atol=1e-6)


def test_groups_hold_the_published_positions_and_numbers_of_parameters() -> None:
    with torch.device("meta"):
        network = ir50.IR50()
    parameters = list(network.named_parameters())
    positions = [range(4, 10), range(163, 187), range(142, 163)]
    sizes = [6_556_160, 13_115_392, 3_542_784]
    assert len(finetuning.RELEASE) == 3
    for count, (places, size) in enumerate(zip(positions, sizes, strict=True), start=1):
        before = released_names(network, finetuning.RELEASE, count - 1)
        fresh = set(released_names(network, finetuning.RELEASE, count)) - set(before)
        assert fresh == {parameters[place][0] for place in places}
        assert sum(parameter.numel() for name, parameter in parameters if name in fresh) == size
