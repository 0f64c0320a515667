import pytest
import torch

from pipeline.backbones.i3d.blocks import Mixed, Pool, Unit, pad_same


@pytest.mark.parametrize(
    ("length", "kernel", "stride", "before", "behind"),
    [
        (8, 7, 2, 2, 3),
        (9, 7, 2, 3, 3),
        (8, 3, 1, 1, 1),
        (7, 2, 2, 0, 1),
        (8, 2, 2, 0, 0),
        (56, 3, 2, 0, 1),
        (5, 1, 1, 0, 0),
    ],
)
def test_padding_is_tensorflows(length: int, kernel: int, stride: int, before: int, behind: int) -> None:
    x = torch.ones(1, 1, 3, 3, length)
    padded = pad_same(x, (1, 1, kernel), (1, 1, stride))
    assert padded.shape == (1, 1, 3, 3, length + before + behind)
    line = padded[0, 0, 0, 0]
    assert line[:before].sum() == line[len(line) - behind :].sum() == 0
    assert line.sum() == length
    assert (len(line) - kernel) // stride + 1 == -(-length // stride)


def test_each_axis_is_padded_by_its_own_kernel() -> None:
    padded = pad_same(torch.ones(2, 3, 4, 5, 6), (3, 1, 2), (1, 1, 2))
    assert padded.shape == (2, 3, 6, 5, 6)


def test_a_pool_divides_each_axis_by_its_stride_and_rounds_up() -> None:
    pool = Pool(size=(1, 3, 3), stride=(1, 2, 2))
    x = torch.arange(49.0).reshape(1, 1, 1, 7, 7)
    assert pool(x).tolist()[0][0][0] == [[8, 10, 12, 13], [22, 24, 26, 27], [36, 38, 40, 41], [43, 45, 47, 48]]


def test_a_unit_keeps_what_is_not_negative() -> None:
    unit = Unit(width=2, depth=3, size=3, stride=2).eval()
    maps = unit(torch.randn(1, 2, 5, 6, 7, generator=torch.Generator().manual_seed(0)))
    assert maps.shape == (1, 3, 3, 3, 4)
    assert (maps >= 0).all()
    assert (maps > 0).any()


def test_the_branches_stand_in_order() -> None:
    mixed = Mixed(width=4, depths=(1, 2, 3, 4, 5, 6)).eval()
    x = torch.rand(1, 4, 2, 3, 3)
    maps = mixed(x)
    assert maps.shape == (1, 1 + 3 + 5 + 6, 2, 3, 3)
    torch.testing.assert_close(maps[:, :1], mixed.b0(x))
    torch.testing.assert_close(maps[:, 1:4], mixed.b1b(mixed.b1a(x)))
    torch.testing.assert_close(maps[:, 4:9], mixed.b2b(mixed.b2a(x)))
    torch.testing.assert_close(maps[:, 9:], mixed.b3b(mixed.b3a(x)))
