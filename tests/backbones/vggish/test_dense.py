import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from pipeline.backbones import vggish
from pipeline.backbones.vggish import dense as vggish_dense
from pipeline.backbones.vggish.dense import embed_starts, overlapping_maps, worthwhile
from pipeline.backbones.vggish.front_end import PATCH, patch_starts
from tests.backbones.networks import channels_last

CPU = torch.device("cpu")


def narrow(seed: int = 0) -> tuple[nn.Sequential, nn.Sequential]:
    """VGGish with a sixteenth of its channels: the same layers in the same order, quick enough for many examples."""
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    width = 1
    for depth in (4, 0, 8, 0, 16, 16, 0, 32, 32, 0):
        if depth:
            layers += [nn.Conv2d(width, depth, 3, 1, 1), nn.ReLU()]
            width = depth
        else:
            layers.append(nn.MaxPool2d(2, 2))
    features = channels_last(nn.Sequential(*layers))
    return features, nn.Sequential(nn.Linear(32 * 6 * 4, 16))


NARROW = narrow()


def sound(rows: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 2, (rows, 64)).astype(np.float32)


def both_ways(rows: np.ndarray, starts: np.ndarray, batch: int) -> tuple[np.ndarray, np.ndarray]:
    shared, alone = (
        embed_starts(*NARROW, rows, starts, batch=batch, device=CPU, share=share) for share in (True, False)
    )
    assert alone.std(axis=0).min() > 0 or len(np.unique(starts)) == 1
    return shared, alone


def times(fps: float, frames: int, seed: int) -> np.ndarray:
    """Frame times at a constant rate, or at a variable one for `fps` 0."""
    if fps:
        return np.arange(frames) / fps
    return np.cumsum(np.random.default_rng(seed).choice([0.0167, 0.0333, 0.04, 0.1], frames))


@settings(max_examples=40)
@given(
    fps=st.sampled_from([15.0, 24.0, 25.0, 29.97, 30.0, 60.0, 0.0]),
    offset=st.integers(0, 40),
    frames=st.integers(1, 40),
    batch=st.integers(1, 50),
    seed=st.integers(0, 1000),
)
def test_sharing_changes_nothing_at_any_frame_rate(fps: float, offset: int, frames: int, batch: int, seed: int) -> None:
    when = times(fps, frames, seed) + offset / 100
    rows = sound(int(100 * when.max()) + PATCH + 2, seed)
    starts, valid = patch_starts(when, len(rows))
    assert valid.all()
    shared, alone = both_ways(rows, starts, batch)
    np.testing.assert_allclose(shared, alone, rtol=0, atol=1e-4)


@settings(max_examples=40)
@given(starts=st.lists(st.integers(0, 80), min_size=1, max_size=30), batch=st.integers(1, 40))
def test_sharing_changes_nothing_for_any_starts(starts: list[int], batch: int) -> None:
    """In any order, several times, and up to the last row of the sound."""
    shared, alone = both_ways(sound(80 + PATCH), np.array(starts), batch)
    np.testing.assert_allclose(shared, alone, rtol=0, atol=1e-4)


def test_the_maps_themselves_are_equal() -> None:
    features, _ = NARROW
    rows, starts = torch.from_numpy(sound(160)), torch.tensor([0, 3, 7, 10, 29, 64])
    with torch.inference_mode():
        shared = overlapping_maps(features, rows, starts, (0, 3, 7, 10, 13))
        alone = features(torch.stack([rows[start : start + PATCH] for start in starts])[:, None])
    assert shared.shape == alone.shape == (6, 32, 6, 4)
    torch.testing.assert_close(shared, alone, rtol=0, atol=1e-5)


def test_what_lies_outside_of_a_patch_does_not_reach_it() -> None:
    rows = sound(300)
    changed = rows.copy()
    changed[:100], changed[100 + PATCH :] = 9.0, -9.0
    starts = np.array([60, 100, 140])
    before, after = (embed_starts(*NARROW, r, starts, batch=8, device=CPU, share=True) for r in (rows, changed))
    np.testing.assert_allclose(before[1], after[1], rtol=0, atol=1e-5)
    assert np.abs(before[[0, 2]] - after[[0, 2]]).min(axis=1).max() > 1e-3


def test_the_real_network_gives_the_same_either_way(random_vggish: vggish.VGGish) -> None:
    rows = sound(200)
    starts, _ = patch_starts(np.arange(24) / 30, len(rows))
    parts = (random_vggish.features, random_vggish.embeddings)
    shared, alone = (embed_starts(*parts, rows, starts, batch=64, device=CPU, share=share) for share in (True, False))
    np.testing.assert_allclose(shared, alone, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("fps", "shares"), [(7.0, False), (5.0, True), (15.0, True), (25.0, True), (30.0, True), (60.0, True)]
)
def test_patches_are_shared_where_that_saves_arithmetic(fps: float, shares: bool) -> None:
    starts, _ = patch_starts(np.arange(256) / fps, 10**6)
    assert worthwhile(np.unique(starts)) is shares


def test_a_gap_in_time_is_not_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Patches hours apart must not make maps of the hours between them."""
    monkeypatch.setattr(vggish_dense, "overlapping_maps", lambda *args: pytest.fail("shared"))
    assert embed_starts(*NARROW, sound(20000), np.array([0, 19000]), batch=8, device=CPU).shape == (2, 16)


def test_the_costs_are_those_of_the_layers() -> None:
    """Multiply-accumulates counted from the shapes of VGGish's convolutions."""
    sizes = [(1, 64, 64, 0), (64, 128, 32, 1), (128, 256, 16, 2), (256, 256, 16, 2), (256, 512, 8, 3), (512, 512, 8, 3)]
    per_row = [9 * c_in * c_out * bands / 1e6 for c_in, c_out, bands, _ in sizes]
    levels = [level for *_, level in sizes]
    by_level = [
        sum(cost for cost, level in zip(per_row, levels, strict=True) if level == number) for number in range(4)
    ]
    np.testing.assert_allclose(vggish_dense._ROW_COSTS, by_level, rtol=0.02)
    patch = sum(cost * PATCH / 2**level for cost, level in zip(per_row, levels, strict=True))
    assert pytest.approx(patch, rel=0.01) == vggish_dense._PATCH_COST
    strips = sum(2 * rows * cost for rows, cost in zip((1, 2, 2, 3, 3, 4), per_row, strict=True))
    assert pytest.approx(strips, rel=0.01) == vggish_dense._STRIP_COST
