import re
from xml.etree import ElementTree

import matplotlib

from pipeline.report.svg import INK, SERIES, SHADES, VARIABLES, drawing, new_figure, series_style, to_svg


def draw(name: str = "one") -> str:
    with drawing(name):
        figure = new_figure(300, 200)
        axes = figure.add_subplot()
        axes.plot([0, 1, 2], [0.123456, 2, 1], **series_style(0))
        axes.axvspan(0.2, 0.7, color=SHADES["audio"], alpha=0.3)
        axes.plot([1], [1], "o", color=INK)
        axes.set_title("a < b & c")
        return str(to_svg(figure, name=name, description='says "a < b"'))


def test_a_figure_is_one_well_formed_element_that_describes_itself() -> None:
    root = ElementTree.fromstring(draw())
    assert root.tag == "svg" or root.tag.endswith("}svg")
    assert root.get("role") == "img"
    assert root.get("aria-label") == 'says "a < b"'
    assert root.get("viewBox") == "0 0 300 200"
    assert "a < b & c" in "".join(root.itertext())


def test_colours_come_from_the_page() -> None:
    text = draw()
    assert not [colour for colour in VARIABLES if colour in text]
    for variable in ("--ink", "--muted", "--grid", "--series-1", "--shade-audio"):
        assert f"var({variable})" in text
    assert not re.search(r"(stroke|fill): #(?!ffffff)", text)


def test_type_comes_from_the_page() -> None:
    text = draw()
    assert "<text" in text
    assert "font-size: " in text
    assert "DejaVu" not in text
    assert "font:" not in text


def test_the_same_data_give_the_same_bytes_whatever_the_users_style() -> None:
    first = draw()
    with matplotlib.rc_context({"lines.linewidth": 9, "font.size": 30, "svg.hashsalt": "other"}):
        assert draw() == first
    assert not re.search(r"20\d\d-\d\d|created with|version", first, re.IGNORECASE)


def test_figures_of_one_page_share_no_ids() -> None:
    first, second = (set(re.findall(r'\bid="([^"]+)"', draw(name))) for name in ("one", "two"))
    assert first
    assert len(first) == len(second)
    assert not first & second
    text = draw("two")
    used = set(re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', text))
    assert used
    assert {a or b for a, b in used} <= second


def test_series_differ_in_more_than_colour() -> None:
    styles = [series_style(index) for index in range(12)]
    assert len({(style["color"], tuple(style["dashes"])) for style in styles}) == 12
    assert len({tuple(style["dashes"]) for style in styles[:4]}) == 4
    assert {style["color"] for style in styles} == set(SERIES)
