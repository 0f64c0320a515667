from pathlib import Path
from typing import get_args

import pytest

from pipeline.backbones.common.config import View
from pipeline.config import Params, load
from pipeline.runtime.errors import ConfigError

PARAMS = """\
corpus: {{kind: affwild2, root: corpus, index: index.csv}}
backbones: {{ir50: {{weights: random{views}}}}}
models:
  visual: {{fusion: unimodal, temporal: tcn, streams: [ir50]}}
"""


def params(tmp_path: Path, *, views: str = "") -> Params:
    text = PARAMS.format(views=f", views: {views}" if views else "")
    (tmp_path / "params.yaml").write_text(text)
    return load(tmp_path / "params.yaml")


def test_the_centre_is_the_default(tmp_path: Path) -> None:
    assert params(tmp_path).backbones["ir50"].views == ("centre",)
    assert params(tmp_path, views="[centre]") == params(tmp_path)


def test_there_are_five_places_each_with_its_mirror_image() -> None:
    places = {"centre", "top_left", "top_right", "bottom_left", "bottom_right"}
    assert set(get_args(View)) == places | {f"{place}_flipped" for place in places}


def test_views_have_one_order_with_the_centre_first(tmp_path: Path) -> None:
    read = params(tmp_path, views="[bottom_right, centre_flipped, top_left_flipped, centre]")
    assert read.backbones["ir50"].views == ("centre", "centre_flipped", "top_left_flipped", "bottom_right")


@pytest.mark.parametrize(
    ("views", "told"),
    [
        ("[centre, top_left, top_left]", r"backbones\.ir50\.views: each view is named once, but top_left is there"),
        ("[top_left]", r"backbones\.ir50\.views: centre must be among the views"),
        ("[]", r"backbones\.ir50\.views: centre must be among the views"),
        ("[centre, middle]", r"backbones\.ir50\.views\.1: .*'centre'.*got 'middle'"),
    ],
)
def test_wrong_views_are_told_by_their_key(tmp_path: Path, views: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        params(tmp_path, views=views)
