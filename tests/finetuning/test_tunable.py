import pytest
import torch

from pipeline.backbones.common.interface import available_backbones
from pipeline.finetuning.tunable import Augmentation, draw_augmentations, load_tunable, tunable_backbones
from pipeline.runtime.errors import ConfigError


def test_every_tunable_backbone_is_a_backbone_and_defines_all_that_is_needed() -> None:
    names = tunable_backbones()
    assert {"ir50", "vggish"} <= set(names) <= set(available_backbones())
    for name in names:
        tunable = load_tunable(name)
        assert tunable.RELEASE
        assert all(group for group in tunable.RELEASE)
        assert callable(tunable.steps)
        assert callable(tunable.read)
        assert callable(tunable.prepare)


def test_a_backbone_that_cannot_be_fine_tuned_says_which_can() -> None:
    with pytest.raises(ConfigError, match=r"'i3d' cannot be fine-tuned[\s\S]*ir50[\s\S]*vggish"):
        load_tunable("i3d")


def test_augmentations_are_drawn_evenly_and_repeat_with_the_seed() -> None:
    drawn = draw_augmentations(4000, crop="random", flip=0.5, generator=torch.Generator().manual_seed(1))
    again = draw_augmentations(4000, crop="random", flip=0.5, generator=torch.Generator().manual_seed(1))
    assert drawn == again
    places = [one.crop for one in drawn if one.crop]
    assert len(places) == 4000
    for axis in (0, 1):
        counts = torch.bincount(torch.tensor([int(9 * place[axis]) for place in places]), minlength=9)
        assert counts.min() > 350
    assert 0.46 < sum(one.mirrored for one in drawn) / 4000 < 0.54


def test_without_augmentation_every_window_is_cropped_as_for_embeddings() -> None:
    generator, other = torch.Generator().manual_seed(1), torch.Generator().manual_seed(1)
    assert draw_augmentations(5, crop="centre", flip=0.0, generator=generator) == [Augmentation()] * 5
    assert all(one.mirrored for one in draw_augmentations(5, crop="centre", flip=1.0, generator=generator))
    draw_augmentations(10, crop="random", flip=0.5, generator=other)
    assert torch.equal(generator.get_state(), other.get_state())
