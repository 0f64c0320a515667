import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pipeline.models.overlap import UncoveredFramesError, overlap_average


def windows_of(frames: int, length: int, hop: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    starts = list(range(0, max(frames - length, 0) + 1, hop))
    if starts[-1] + length < frames:
        starts.append(frames - length)
    index = np.array(starts)[:, None] + np.arange(length)
    return np.minimum(index, frames - 1), index < frames


@given(st.integers(1, 60), st.integers(1, 20), st.integers(1, 20), st.integers(0, 99))
def test_the_mean_equals_a_list_per_frame(frames: int, length: int, hop: int, seed: int) -> None:
    index, mask = windows_of(frames, length, min(hop, length))
    values = np.random.default_rng(seed).normal(size=(*index.shape, 2)).astype(np.float32)
    lists: list[list[npt.NDArray[np.float64]]] = [[] for _ in range(frames)]
    for window, places, kept in zip(values, index, mask, strict=True):
        for value, place, keep in zip(window, places, kept, strict=True):
            if keep:
                lists[place].append(value.astype(np.float64))
    expected = np.array([np.mean(one, axis=0) for one in lists], dtype=np.float32)
    together = overlap_average(torch.from_numpy(values), torch.from_numpy(index), torch.from_numpy(mask), frames)
    assert together.dtype == torch.float32
    np.testing.assert_allclose(together.numpy(), expected, rtol=1e-6, atol=1e-7)


def test_values_may_have_any_shape_and_windows_any_order() -> None:
    index, mask = (torch.from_numpy(one) for one in windows_of(23, 10, 4))
    values = torch.randn(*index.shape, 2, 3, generator=torch.Generator().manual_seed(0))
    forward = overlap_average(values, index, mask, 23)
    order = torch.tensor([3, 0, 4, 2, 1])
    assert len(index) == 5
    assert forward.shape == (23, 2, 3)
    assert torch.equal(overlap_average(values[order], index[order], mask[order], 23), forward)
    plain = overlap_average(values[..., 0, 0], index, mask, 23)
    assert torch.equal(plain, forward[:, 0, 0])


def test_gradients_are_shared_among_the_windows_that_cover_a_frame() -> None:
    index = torch.tensor([[0, 1], [1, 2]])
    values = torch.zeros(2, 2, requires_grad=True)
    overlap_average(values, index, torch.ones(2, 2, dtype=torch.bool), 3).sum().backward()  # type: ignore[no-untyped-call]
    assert values.grad is not None
    assert values.grad.tolist() == [[1, 0.5], [0.5, 1]]


def test_uncovered_frames_are_named() -> None:
    index = torch.tensor([[0, 1], [4, 5]])
    with pytest.raises(UncoveredFramesError, match="3 of 7 frames are covered by no window: 2, 3, 6") as caught:
        overlap_average(torch.zeros(2, 2), index, torch.ones(2, 2, dtype=torch.bool), 7)
    assert caught.value.uncovered.tolist() == [2, 3, 6]


def test_misfits_are_refused_with_their_numbers() -> None:
    mask = torch.ones(1, 2, dtype=torch.bool)
    with pytest.raises(ValueError, match="from 0 to 5, but there are 3"):
        overlap_average(torch.zeros(1, 2), torch.tensor([[0, 5]]), mask, 3)
    with pytest.raises(ValueError, match="disagree"):
        overlap_average(torch.zeros(1, 3), torch.tensor([[0, 1]]), mask, 3)


@pytest.mark.gpu
def test_a_gpu_gives_the_same_mean() -> None:
    index, mask = (torch.from_numpy(one) for one in windows_of(5000, 300, 200))
    values = torch.randn(*index.shape, 4, generator=torch.Generator().manual_seed(0))
    here = overlap_average(values, index, mask, 5000)
    there = overlap_average(values.cuda(), index.cuda(), mask.cuda(), 5000)
    assert torch.equal(there.cpu(), here)
