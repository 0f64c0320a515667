import numpy as np
import pytest
import torch

from pipeline.backbones.common.batches import embed_faces

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
