"""The report page in headless Chromium: what a click changes, themes, a phone, and no script at all."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import numpy as np
import pytest
from selenium.webdriver.common.action_chains import ActionChains

from stages.report import main
from tests.browser_factory import Browser, open_browser
from tests.evaluation.synthetic import write_project

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PANELS = "window.explorer.plots.get_model_by_name('panels').children"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    root = tmp_path_factory.mktemp("page") / "root"
    write_project(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        main()
    return (root / "reports" / "index.html").as_uri()


@pytest.fixture(scope="module")
def window() -> Iterator[Browser]:
    with open_browser() as browser:
        yield browser


@pytest.fixture
def browser(window: Browser, page: str) -> Iterator[Browser]:
    """Load the page again in a light window of a desktop; after each test the console is empty."""
    window.theme("light")
    window.size(1200, 1000)
    window.open(page)
    yield window
    assert window.errors() == []


def range_of(browser: Browser) -> list[float]:
    """Return the first and last second of every panel, which must agree."""
    found = browser.run(f"return {PANELS}.map(p => [p.x_range.start, p.x_range.end])")
    assert len(found) == 5  # two targets, two of gates, sound
    assert all(one == found[0] for one in found)
    return [float(value) for value in found[0]]


def seconds(browser: Browser) -> float:
    return float(browser.run("return window.explorer.trial().seconds"))


def choose(browser: Browser, trial: str) -> None:
    browser.run(
        "const s = document.getElementById('explorer-trial'); s.value = arguments[0];"
        "s.dispatchEvent(new Event('change'))",
        trial,
    )


def click(browser: Browser, selector: str) -> None:
    browser.driver.find_element("css selector", selector).click()


def columns(browser: Browser, name: str) -> list[Any]:
    found = browser.run(
        "return Array.from(window.explorer.plots.get_model_by_name('frames').data[arguments[0]],"
        " value => Number.isNaN(value) ? null : value)",
        name,
    )
    return list(found)


def test_nothing_is_loaded_and_everything_is_drawn(browser: Browser) -> None:
    loaded = browser.run("return performance.getEntriesByType('resource').map(one => one.name)")
    assert [name for name in loaded if not name.startswith("data:")] == []
    assert range_of(browser) == [0, pytest.approx(seconds(browser))]
    assert browser.run("return document.getElementById('explore').hidden") is False


def test_a_chosen_trial_is_shown_in_numbers_words_and_pictures(browser: Browser) -> None:
    choose(browser, "trial00")
    words = browser.run("return document.getElementById('explorer-words').textContent")
    assert words.startswith("trial00, held out in fold 0: 260 frames in 10.4 s.")
    assert "Useless: visual" in words
    labels = columns(browser, "label/0")
    assert len(labels) == 260
    assert all(value is None for value in labels[40:52])
    assert all(value is not None and -1 <= value <= 1 for value in labels[:40] + labels[52:])
    assert browser.run("return document.querySelectorAll('#explorer-faces i:not([hidden])').length") >= 8
    cells = browser.run("return [...document.querySelectorAll('[data-ccc]')].map(cell => cell.textContent)")
    assert len(cells) == 6
    assert all(len(cell) >= 5 for cell in cells)
    assert browser.run("return location.hash") == "#trial=trial00"


def test_a_test_trial_has_no_labels(browser: Browser) -> None:
    choose(browser, "test01")
    assert set(columns(browser, "label/1")) == {None}
    assert None not in columns(browser, "2/1")
    cells = browser.run("return [...document.querySelectorAll('[data-ccc]')].map(cell => cell.textContent)")
    assert set(cells) == {"–"}


def test_next_and_previous_walk_through_all_trials(browser: Browser) -> None:
    choose(browser, "trial00")
    seen = ["trial00"]
    for _ in range(20):
        if browser.run("return document.querySelector('[data-step=\"1\"]').disabled"):
            break
        click(browser, '[data-step="1"]')
        seen.append(browser.run("return document.getElementById('explorer-trial').value"))
    assert len(seen) == len(set(seen)) == 15
    assert seen[-3:] == ["test00", "test01", "test02"]
    click(browser, '[data-step="-1"]')
    assert browser.run("return document.getElementById('explorer-words').textContent").startswith("test01,")


def test_an_address_can_name_a_trial(browser: Browser, page: str) -> None:
    browser.open(f"{page}#trial=trial07")
    assert browser.run("return document.getElementById('explorer-trial').value") == "trial07"


def test_a_model_that_is_hidden_takes_its_lines_and_gates_along(browser: Browser) -> None:
    names = ["panel-0-2/0", "panel-1-2/1", "panel-2", "panel-3", "panel-0-0/0"]
    visible = f"return {names}.map(name => window.explorer.plots.get_model_by_name(name).visible)"
    assert browser.run(visible) == [True] * 5
    tall = browser.run("return document.getElementById('explorer-panels').scrollHeight")
    click(browser, '[data-model="2"]')
    assert browser.run(visible) == [False, False, False, False, True]
    tooltip = browser.run("return window.explorer.plots.get_model_by_name('panel-0-hover').tooltips")
    assert "visual" in str(tooltip)
    assert "grjca" not in str(tooltip)
    browser.wait(f"return document.getElementById('explorer-panels').scrollHeight < {tall - 100}")
    click(browser, '[data-model="2"]')
    assert browser.run(visible) == [True] * 5


def test_buttons_and_keys_move_all_panels(browser: Browser) -> None:
    whole = seconds(browser)
    click(browser, '[data-do="in"]')
    assert range_of(browser) == pytest.approx([whole / 4, 3 * whole / 4])
    panels = browser.driver.find_element("id", "explorer-panels")
    panels.send_keys("+")
    start, end = range_of(browser)
    assert end - start == pytest.approx(whole / 4)
    browser.run("document.getElementById('explorer-panels').focus()")
    browser.driver.switch_to.active_element.send_keys("\ue014")  # the right arrow
    assert range_of(browser) == pytest.approx([start + whole / 16, end + whole / 16])
    assert f"{start + whole / 16:.1f} to" in browser.run("return document.getElementById('explorer-range').value")
    for _ in range(12):
        click(browser, '[data-do="earlier"]')
    assert range_of(browser)[0] == 0
    browser.driver.switch_to.active_element.send_keys("x")
    browser.run("document.getElementById('explorer-panels').focus()")
    browser.driver.switch_to.active_element.send_keys("0")
    assert range_of(browser) == pytest.approx([0, whole])


def test_dragging_pans_a_part_that_was_zoomed(browser: Browser) -> None:
    click(browser, '[data-do="in"]')
    before = range_of(browser)
    panels = browser.driver.find_element("id", "explorer-panels")
    browser.run("arguments[0].scrollIntoView({block: 'start', behavior: 'instant'})", panels)
    for _ in range(20):
        # A pointer that rests for half a second presses and does not drag: on a busy machine, again.
        chain = ActionChains(browser.driver, duration=20).move_to_element_with_offset(panels, 100, -150)
        chain.click_and_hold().move_by_offset(-60, 0).move_by_offset(-60, 0).release().perform()
        if range_of(browser)[0] > before[0]:
            break
    after = range_of(browser)
    assert after[0] > before[0] + 0.05
    assert after[1] - after[0] == pytest.approx(before[1] - before[0], rel=0.01)


def test_every_control_has_a_name_and_is_reached_by_the_keyboard(browser: Browser) -> None:
    unnamed = browser.run(
        "return [...document.querySelectorAll('#explorer button, #explorer select, #explorer input')].filter(e =>"
        " !(e.getAttribute('aria-label') || e.textContent.trim() || e.labels?.length) || e.tabIndex < 0).length"
    )
    assert unnamed == 0
    assert browser.run("return document.getElementById('explorer-words').getAttribute('aria-live')") == "polite"
    panels = browser.run("const p = document.getElementById('explorer-panels'); return [p.tabIndex, p.ariaLabel]")
    assert panels[0] == 0
    assert "arrow keys" in panels[1]


def shows(browser: Browser) -> tuple[float, np.ndarray]:
    """Return the mean brightness of the panels, and their colours."""
    panels = browser.driver.find_element("id", "explorer-panels")
    browser.run("arguments[0].scrollIntoView({block: 'start', behavior: 'instant'})", panels)
    browser.wait("return new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))")
    top, left, width = browser.run(
        "const r = arguments[0].getBoundingClientRect(); return [r.top, r.left, r.width]", panels
    )
    picture = browser.picture()[int(top) : int(top) + 300, int(left) : int(left + width)]
    return float(picture.mean()), picture.reshape(-1, 3)


def near(pixels: np.ndarray, colour: str) -> int:
    wanted = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)])
    return int((np.abs(pixels.astype(np.int64) - wanted).max(axis=1) < 12).sum())


def test_both_themes_draw_their_own_colours_and_follow_a_switch(browser: Browser) -> None:
    light, pixels = shows(browser)
    assert light > 200
    assert near(pixels, "#1b1f24") > 300  # the label
    assert near(pixels, "#0072b2") > 100  # the first model
    browser.theme("dark")
    browser.wait("return document.getElementById('explorer-panels').dataset.theme === 'dark'")
    browser.wait("return new Promise(done => setTimeout(() => done(true), 300))")
    dark, pixels = shows(browser)
    assert dark < 90
    assert near(pixels, "#eceef0") > 300
    assert near(pixels, "#56b4e9") > 100
    browser.theme("light")
    browser.wait("return document.getElementById('explorer-panels').dataset.theme === 'light'")


def test_a_phone_is_wide_enough_and_scrolls_under_the_finger(browser: Browser, page: str) -> None:
    browser.size(360, 740, phone=True)
    browser.open(page)
    assert browser.run("return document.documentElement.scrollWidth") <= 360
    boxes = browser.run(
        "return [...document.querySelectorAll('#explorer button, #explorer select, #explorer canvas')]"
        ".map(e => e.getBoundingClientRect()).filter(r => r.width).map(r => [r.left, r.right])"
    )
    assert boxes
    assert all(left >= 0 and right <= 360 for left, right in boxes)
    actions = browser.run(
        "const found = []; const walk = n => { for (const e of n.querySelectorAll('*')) {"
        " if (String(e.className).includes('bk-events')) found.push(getComputedStyle(e).touchAction);"
        " if (e.shadowRoot) walk(e.shadowRoot); } }; walk(document); return found"
    )
    assert actions
    assert set(actions) == {"auto"}


def test_the_table_sorts_by_mouse_and_keyboard_and_says_so(browser: Browser) -> None:
    def order() -> list[str]:
        return list(browser.run("return [...document.querySelectorAll('.ccc tbody th')].map(h => h.dataset.value)"))

    def stated() -> list[str]:
        return list(browser.run("return [...document.querySelectorAll('.ccc thead th')].map(h => h.ariaSort)"))

    given = order()
    assert given == ["visual", "audio", "grjca"]
    values = browser.run("return [...document.querySelectorAll('.ccc tbody tr')].map(r => +r.cells[3].dataset.value)")
    falling = [name for _, name in sorted(zip(values, given, strict=True), reverse=True)]
    heading = browser.driver.find_elements("css selector", ".ccc thead button")
    heading[3].click()
    assert (order(), stated()) == (falling, ["none", "none", "none", "descending"])
    heading[3].send_keys("\n")
    assert (order(), stated()[3]) == (falling[::-1], "ascending")
    heading[3].send_keys("\n")
    assert (order(), stated()[3]) == (given, "none")
    heading[0].click()
    assert (order(), stated()[0]) == (sorted(given), "ascending")


def test_without_scripts_the_page_reads_as_before(browser: Browser, page: str) -> None:
    text = Path(url2pathname(urlsplit(page).path)).read_text()
    browser.open("about:blank", explorer=False)
    # A frame of this kind runs no script, and lets itself be looked into.
    browser.run(
        "const frame = document.createElement('iframe'); frame.sandbox = 'allow-same-origin'; frame.width = 1100;"
        "frame.srcdoc = arguments[0]; document.body.append(frame)",
        text,
    )
    inside = "const page = document.querySelector('iframe').contentDocument;"
    browser.wait(f"{inside} return page.readyState === 'complete' && page.getElementById('provenance') !== null")
    state = browser.run(
        f"{inside} return [getComputedStyle(page.getElementById('explore')).display,"
        " page.querySelectorAll('.ccc tbody tr').length, page.querySelectorAll('.trace svg').length,"
        " page.querySelectorAll('.ccc button').length, page.body.innerText.includes('Explore every trial'),"
        " page.body.innerText.includes('Agreement on held-out trials')]"
    )
    assert state == ["none", 3, 6, 0, False, True]
    blocked = browser.errors()
    assert blocked
    assert all("Blocked script execution" in message for message in blocked)


def test_on_paper_the_panels_fit_the_page(browser: Browser) -> None:
    browser.theme("dark")
    browser.wait("return document.getElementById('explorer-panels').dataset.theme === 'dark'")
    pdf = browser.driver.print_page()
    assert len(pdf) > 100_000
    zoom = float(browser.run("return document.querySelector('.timeline').style.getPropertyValue('--print-zoom')"))
    assert zoom * browser.run("return document.getElementById('explorer-panels').clientWidth") == pytest.approx(640)
