import threading
import weakref
from functools import partial

import numpy as np
import pytest
import torch

from pipeline.backbones.common.batches import AHEAD, embed_faces, read_ahead

CPU = torch.device("cpu")


def run(has_face: list[bool], batch: int) -> tuple[np.ndarray, list[int]]:
    """Embed pixels whose number is their frame's, plus one; also return the batches' sizes."""
    sizes: list[int] = []

    def forward(pixels: torch.Tensor) -> torch.Tensor:
        sizes.append(len(pixels))
        return pixels.float().mean(dim=(1, 2, 3))[:, None] * torch.tensor([1.0, -1.0])

    def gather(frames: np.ndarray) -> np.ndarray:
        return np.broadcast_to((frames + 1).astype(np.uint8)[:, None, None, None], (len(frames), 4, 4, 3)).copy()

    return embed_faces(forward, gather, np.array(has_face), batch=batch, device=CPU), sizes


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_every_frame_gets_its_own_embedding_and_the_rest_that_of_black(batch: int) -> None:
    rows, sizes = run([True, False, True, True, False], batch)
    np.testing.assert_array_equal(rows, [[1, -1], [0, 0], [3, -3], [4, -4], [0, 0]])
    assert rows.dtype == np.float32
    assert max(sizes) <= batch
    assert sum(sizes) == 3 + 1


def test_no_face_at_all() -> None:
    rows, sizes = run([False, False], 8)
    np.testing.assert_array_equal(rows, np.zeros((2, 2)))
    assert sizes == [1]


@pytest.mark.parametrize("frames", [1_000, 50_000])
def test_as_many_batches_are_in_memory_whatever_the_clips_length(frames: int) -> None:
    held, most = 0, 0
    counting = threading.Lock()

    def gone() -> None:
        nonlocal held
        with counting:
            held -= 1

    def gather(wanted: np.ndarray) -> np.ndarray:
        nonlocal held, most
        pixels = np.zeros((len(wanted), 1, 1, 3), dtype=np.uint8)
        weakref.finalize(pixels, gone)
        with counting:
            held += 1
            most = max(most, held)
        return pixels

    def forward(pixels: torch.Tensor) -> torch.Tensor:
        return pixels.float().sum(dim=(1, 2, 3))[:, None]

    rows = embed_faces(forward, gather, np.ones(frames, dtype=np.bool_), batch=10, device=CPU)
    assert rows.shape == (frames, 1)
    assert 1 <= most <= AHEAD + 2
    assert held == 0


def test_batches_are_read_while_others_compute() -> None:
    """The next read begins, in another thread, before the first result is done with."""
    begun = [threading.Event() for _ in range(4)]
    threads: set[int] = set()

    def read(number: int) -> int:
        threads.add(threading.get_ident())
        begun[number].set()
        return number

    results = read_ahead([partial(read, number) for number in range(4)])
    assert next(results) == 0
    assert begun[1].wait(timeout=60)
    assert not begun[3].is_set()
    assert list(results) == [1, 2, 3]
    assert len(threads) == 1
    assert threading.get_ident() not in threads


def test_what_a_read_raises_arrives_in_its_place() -> None:
    def fail() -> int:
        raise OSError("gone")

    results = read_ahead([lambda: 1, fail, lambda: 3])
    assert next(results) == 1
    with pytest.raises(OSError, match="gone"):
        next(results)


def test_a_reader_ends_with_its_user() -> None:
    before = threading.active_count()
    results = read_ahead([lambda: 1] * 100)
    assert next(results) == 1
    results.close()
    assert threading.active_count() == before
