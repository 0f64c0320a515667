import numpy as np
import pytest

from pipeline.backbones.common.crops import clip_in_view, crop_size, impossible_views
from pipeline.backbones.common.interface import available_backbones, load_backbone
from pipeline.checks import check_backbones
from pipeline.config import Params
from pipeline.runtime.errors import ConfigError
from pipeline.runtime.section import validate
from tests.backbones.clips import make_clip

CORNERS = {"top_left": (0, 0), "top_right": (0, 8), "bottom_left": (8, 0), "bottom_right": (8, 8), "centre": (4, 4)}


@pytest.mark.parametrize("place", CORNERS)
def test_a_view_is_the_crop_at_its_place_and_its_mirror_image(place: str) -> None:
    clip = make_clip(frames=3)
    top, left = CORNERS[place]
    expected = clip.faces[:, top : top + 40, left : left + 40]
    np.testing.assert_array_equal(clip_in_view(clip, place, crop=40).faces, expected)
    mirrored = clip_in_view(clip, f"{place}_flipped", crop=40).faces
    np.testing.assert_array_equal(mirrored[:, :, ::-1], expected)
    np.testing.assert_array_equal(mirrored[0, 5, 0], expected[0, 5, 39])


def test_the_whole_face_is_mirrored_only_and_in_every_size() -> None:
    large = np.random.default_rng(1).integers(0, 256, (3, 112, 112, 3), dtype=np.uint8)
    clip = make_clip(frames=3, other_faces={112: large})
    changed = clip_in_view(clip, "centre_flipped", crop=None)
    np.testing.assert_array_equal(changed.faces, clip.faces[:, :, ::-1])
    np.testing.assert_array_equal(changed.other_faces[112], large[:, :, ::-1])
    np.testing.assert_array_equal(clip_in_view(clip, "centre", crop=None).other_faces[112], large)


def test_all_but_the_faces_stays() -> None:
    clip = make_clip(frames=3)
    changed = clip_in_view(clip, "top_left", crop=40)
    for name in ("time", "face_valid", "audio", "labels"):
        assert getattr(changed, name) is getattr(clip, name)


def test_only_ir50_takes_a_crop_of_the_face() -> None:
    crops = {name: crop_size(load_backbone(name)) for name in available_backbones()}
    assert len(crops) >= 9
    assert {name: size for name, size in crops.items() if size is not None} == {"ir50": 40}


@pytest.mark.parametrize("name", available_backbones())
def test_what_each_backbone_can_be_asked_for(name: str) -> None:
    backbone = load_backbone(name)
    assert impossible_views(backbone, ["centre"], face_size=48) == []
    flipped = impossible_views(backbone, ["centre", "centre_flipped"], face_size=48)
    assert bool(flipped) == (backbone.MODALITY == "audio")
    corner = impossible_views(backbone, ["centre", "top_left", "bottom_right_flipped"], face_size=48)
    assert bool(corner) == (name != "ir50")
    for problem in corner:
        assert problem.startswith("top_left, bottom_right_flipped: ")


def test_a_crop_as_large_as_the_face_has_one_place() -> None:
    (problem,) = impossible_views(load_backbone("ir50"), ["centre", "top_left"], face_size=40)
    assert "40" in problem
    assert "clips.face_size" in problem
    assert impossible_views(load_backbone("ir50"), ["centre", "centre_flipped"], face_size=40) == []


def test_every_impossible_view_of_params_yaml_is_told_by_its_key() -> None:
    data = {
        "corpus": {"kind": "affwild2", "root": "r", "index": "i"},
        "backbones": {
            "ir50": {"weights": "random", "views": ["centre", "top_left_flipped"]},
            "resnet50": {"weights": "random", "views": ["centre", "centre_flipped", "top_left"]},
            "vggish": {"weights": "random", "views": ["centre", "centre_flipped"]},
        },
        "models": {"visual": {"fusion": "unimodal", "temporal": "tcn", "streams": ["ir50"]}},
    }
    with pytest.raises(ConfigError) as caught:
        check_backbones(validate(Params, data, at="params.yaml"))
    text = str(caught.value)
    assert "backbones.resnet50.views: top_left: this backbone reads the whole face" in text
    assert "possible here: centre, centre_flipped" in text
    assert "backbones.vggish.views: centre_flipped: sound" in text
    assert "ir50" not in text
