import pytest
import torch

from pipeline.backbones.backbone import available_backbones
from pipeline.backbones.tuning.tunable import View, draw_views, load_tunable, tunable_backbones
from pipeline.errors import ConfigError


def test_every_tunable_backbone_is_a_backbone_and_says_all_that_is_needed() -> None:
    names = tunable_backbones()
    assert {"ir50", "vggish"} <= set(names) <= set(available_backbones())
    for name in names:
        tunable = load_tunable(name)
        assert tunable.RELEASE
        assert all(group for group in tunable.RELEASE)
        assert callable(tunable.steps)
        assert callable(tunable.read)
        assert callable(tunable.prepare)


def test_a_backbone_that_cannot_be_tuned_says_which_can() -> None:
    with pytest.raises(ConfigError, match=r"'i3d' cannot be fine-tuned[\s\S]*ir50[\s\S]*vggish"):
        load_tunable("i3d")


def test_views_are_drawn_evenly_and_repeat_with_the_seed() -> None:
    views = draw_views(4000, crop="random", flip=0.5, generator=torch.Generator().manual_seed(1))
    again = draw_views(4000, crop="random", flip=0.5, generator=torch.Generator().manual_seed(1))
    assert views == again
    places = [view.place for view in views if view.place]
    assert len(places) == 4000
    for axis in (0, 1):
        counts = torch.bincount(torch.tensor([int(9 * place[axis]) for place in places]), minlength=9)
        assert counts.min() > 350
    assert 0.46 < sum(view.mirrored for view in views) / 4000 < 0.54


def test_without_augmentation_every_view_is_that_of_the_embeddings() -> None:
    generator, other = torch.Generator().manual_seed(1), torch.Generator().manual_seed(1)
    assert draw_views(5, crop="centre", flip=0.0, generator=generator) == [View()] * 5
    assert all(view.mirrored for view in draw_views(5, crop="centre", flip=1.0, generator=generator))
    draw_views(10, crop="random", flip=0.5, generator=other)
    assert torch.equal(generator.get_state(), other.get_state())
