import numpy as np
import pytest
import torch

from pipeline.models.views import draw_views, evaluation_passes, gather_windows, predict_views

VIEWS = {"visual": ("centre", "centre_flipped", "top_left"), "visual_2": ("centre", "centre_flipped")}


def streams() -> dict[str, torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    return {
        "visual": torch.randn(3, 20, 4, generator=random),
        "audio": torch.randn(20, 2, generator=random),
        "visual_2": torch.randn(2, 20, 5, generator=random),
    }


def test_every_stream_with_views_gets_a_draw_of_its_own_for_each_window() -> None:
    drawn = draw_views(streams(), 3000, generator=torch.Generator().manual_seed(1))
    assert list(drawn) == ["visual", "visual_2"]
    for role, count in (("visual", 3), ("visual_2", 2)):
        share = np.bincount(drawn[role].numpy(), minlength=count) / 3000
        np.testing.assert_allclose(share, 1 / count, atol=0.03)
    together = np.histogram2d(drawn["visual"].numpy(), drawn["visual_2"].numpy(), bins=(3, 2))[0] / 3000
    np.testing.assert_allclose(together, 1 / 6, atol=0.03)


def test_streams_of_one_view_leave_the_random_numbers_alone() -> None:
    generator = torch.Generator().manual_seed(1)
    before = generator.get_state()
    assert draw_views({"audio": streams()["audio"]}, 100, generator=generator) == {}
    assert torch.equal(generator.get_state(), before)


def test_all_frames_of_a_window_come_from_its_view() -> None:
    x = streams()["visual"]
    index = torch.tensor([[0, 1, 2], [17, 18, 19], [5, 5, 5]])
    view = torch.tensor([2, 0, 1])
    got = gather_windows(x, index, view)
    expected = torch.stack([x[v][rows] for v, rows in zip([2, 0, 1], index, strict=True)])
    assert torch.equal(got, expected)
    assert torch.equal(gather_windows(x[1], index, None), torch.stack([x[1][rows] for rows in index]))


def test_the_centre_is_one_pass() -> None:
    given = streams()
    (only,) = evaluation_passes(given, VIEWS, how="centre")
    assert torch.equal(only["visual"], given["visual"][0])
    assert torch.equal(only["visual_2"], given["visual_2"][0])
    assert only["audio"] is given["audio"]


def test_the_mean_is_a_pass_per_view_that_all_streams_share_where_they_have_it() -> None:
    given = streams()
    passes = evaluation_passes(given, VIEWS, how="mean")
    places = [("visual", (0, 1, 2)), ("visual_2", (0, 1, 0))]
    assert len(passes) == 3
    for role, order in places:
        for taken, place in zip(passes, order, strict=True):
            assert torch.equal(taken[role], given[role][place])


@pytest.mark.parametrize("how", ["centre", "mean"])
def test_one_view_is_one_pass_however_it_is_asked_for(how) -> None:  # type: ignore[no-untyped-def]
    given = {"audio": streams()["audio"], "visual": streams()["visual"][0]}
    for views in ({}, {"visual": VIEWS["visual"]}):
        (only,) = evaluation_passes(given, views, how=how)
        assert all(only[role] is given[role] for role in given)


def test_predictions_are_averaged_not_features() -> None:
    def predict(taken):  # type: ignore[no-untyped-def]
        return {"predictions": taken["visual"][:, :1] ** 2 + taken["audio"][:, :1]}

    given = streams()
    got = predict_views(predict, given, VIEWS, how="mean")["predictions"]
    expected = (given["visual"][..., :1] ** 2).double().mean(dim=0) + given["audio"][:, :1]
    np.testing.assert_allclose(got.numpy(), expected.numpy(), rtol=1e-5, atol=1e-6)
    assert got.dtype == torch.float32
    centre = predict_views(predict, given, VIEWS, how="centre")["predictions"]
    assert torch.equal(centre, predict({role: x[0] if x.ndim == 3 else x for role, x in given.items()})["predictions"])
