import json
from typing import Any

from pipeline.report.explorer_plots import Line, Panel, build, script

PANELS = (
    Panel("target", "Valence", -1, 1, (Line("label/0", "--ink"), Line("0/0", "--series-1", (5, 2), model=0))),
    Panel("gates", "gated gates, audio", 0, 1, (Line("gate/0/audio 1", "--ink"),), model=0),
    Panel("sound", "Sound", -1, 1, ()),
)
SHADES = {"visual": "--shade-visual", "no label": "--muted"}


def parts(item: Any) -> list[dict[str, Any]]:
    """Return every part of the document that has a number and a type."""
    if isinstance(item, dict):
        mine = [item] if "id" in item and "name" in item else []
        return mine + [one for value in item.values() for one in parts(value)]
    return [one for value in item for one in parts(value)] if isinstance(item, list) else []


def test_the_same_panels_give_the_same_bytes_in_one_process() -> None:
    first, second = (json.dumps(build(PANELS, SHADES).item) for _ in range(2))
    assert first == second


def test_all_panels_share_one_time_range() -> None:
    item = build(PANELS, SHADES).item
    panels = [one for one in parts(item) if one["name"] == "Figure"]
    assert len(panels) == len(PANELS)
    assert len({one["attributes"]["x_range"]["id"] for one in panels}) == 1


def test_everything_to_be_coloured_or_hidden_is_in_the_document() -> None:
    plots = build(PANELS, SHADES)
    names = {one.get("attributes", {}).get("name") for one in parts(plots.item)}
    assert {name for name, *_ in plots.paint} <= names
    assert plots.shown == {0: ["panel-0-0/0", "panel-1"]}
    assert set(plots.shown[0]) <= names
    lines = [one for one in plots.paint if one[0] == "panel-0-0/0-glyph"]
    assert lines == [("panel-0-0/0-glyph", "line_color", "--series-1")]
    assert ("panel-2-visual", "fill_color", "--shade-visual") in plots.paint
    assert ("panel-2-no label", "hatch_color", "--muted") in plots.paint


def test_the_script_is_whole_and_cannot_end_its_element() -> None:
    text = script()
    assert "bokeh" in text.lower()
    assert "</script" not in text.lower()
