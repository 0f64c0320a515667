import numpy as np
import torch

from pipeline.models.views import centre_view, choose_views, gather_windows


def streams() -> dict[str, torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    return {
        "visual": torch.randn(3, 20, 4, generator=random),
        "audio": torch.randn(20, 2, generator=random),
        "visual_2": torch.randn(2, 20, 5, generator=random),
    }


def test_every_stream_with_views_chooses_on_its_own_for_each_window() -> None:
    chosen = choose_views(streams(), 3000, generator=torch.Generator().manual_seed(1))
    assert list(chosen) == ["visual", "visual_2"]
    for role, count in (("visual", 3), ("visual_2", 2)):
        share = np.bincount(chosen[role].numpy(), minlength=count) / 3000
        np.testing.assert_allclose(share, 1 / count, atol=0.03)
    together = np.histogram2d(chosen["visual"].numpy(), chosen["visual_2"].numpy(), bins=(3, 2))[0] / 3000
    np.testing.assert_allclose(together, 1 / 6, atol=0.03)


def test_streams_of_one_view_leave_the_random_numbers_alone() -> None:
    generator = torch.Generator().manual_seed(1)
    before = generator.get_state()
    assert choose_views({"audio": streams()["audio"]}, 100, generator=generator) == {}
    assert torch.equal(generator.get_state(), before)


def test_all_frames_of_a_window_come_from_its_view() -> None:
    x = streams()["visual"]
    index = torch.tensor([[0, 1, 2], [17, 18, 19], [5, 5, 5]])
    view = torch.tensor([2, 0, 1])
    got = gather_windows(x, index, view)
    expected = torch.stack([x[v][rows] for v, rows in zip([2, 0, 1], index, strict=True)])
    assert torch.equal(got, expected)
    assert torch.equal(gather_windows(x[1], index, None), torch.stack([x[1][rows] for rows in index]))


def test_the_centre_is_the_first_view_or_the_only_one() -> None:
    given = streams()
    assert torch.equal(centre_view(given["visual"]), given["visual"][0])
    assert centre_view(given["audio"]) is given["audio"]
