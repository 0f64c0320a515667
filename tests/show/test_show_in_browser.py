"""The page of one trial in headless Chromium: the video and the traces keep in step."""

import threading
from collections.abc import Iterator

import pytest
from selenium.webdriver.common.action_chains import ActionChains

from pipeline.config import load
from pipeline.corpora.index_table import IndexRow, write_index
from pipeline.show.page import render
from pipeline.show.server import open_server
from pipeline.show.trial import find
from tests.browser_factory import Browser, open_browser
from tests.evaluation.synthetic import RATE, labelled_trials, write_project
from tests.media_factory import write_video

pytestmark = [pytest.mark.browser, pytest.mark.slow]

TRIAL = "trial00"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    root = tmp_path_factory.mktemp("show") / "root"
    write_project(root)
    write_index(root / "index.csv", [IndexRow(TRIAL, "train", "s", f"{TRIAL}.webm", "", "", "", 0, "0" * 64)])
    frames = len(labelled_trials()[TRIAL])
    video = write_video(
        root / "corpus" / f"{TRIAL}.webm",
        frames=frames,
        rate=int(RATE),
        codec="libvpx",
        sound_codec="libopus",
        audio_rate=48000,
    )
    params = load(root / "params.yaml")
    shown = find(TRIAL, params, root=root)
    page = render(shown, params, root=root, notes=[]).encode()
    with open_server(page, (video, "video/webm"), port=0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://localhost:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def browser(address: str) -> Iterator[Browser]:
    with open_browser() as browser:
        browser.size(1200, 1000)
        browser.open(address)
        browser.wait("return document.getElementById('video').readyState >= 1")
        yield browser
        assert browser.errors() == []


POSITION = "window.explorer.plots.get_model_by_name('position').location"
VIDEO = "document.getElementById('video')"


def test_a_click_on_the_traces_seeks_the_video(browser: Browser) -> None:
    panels = browser.driver.find_element("id", "explorer-panels")
    browser.run("arguments[0].scrollIntoView({block: 'start', behavior: 'instant'})", panels)
    for _ in range(20):
        # A button that is down for half a second presses and does not click: on a busy machine, again.
        ActionChains(browser.driver, duration=20).move_to_element_with_offset(panels, 200, -100).click().perform()
        if browser.run(f"return {VIDEO}.currentTime > 5"):
            break
    browser.wait(f"return {VIDEO}.currentTime > 5 && !{VIDEO}.seeking")
    now = browser.run(f"return {VIDEO}.currentTime")
    # The panels' middle is half of the trial; 200 pixels to the right are about a fifth of its width.
    assert 0.55 * 10.4 < now < 0.85 * 10.4
    browser.wait(f"return Math.abs({POSITION} - {VIDEO}.currentTime) < 0.001")


def test_while_it_plays_the_line_and_the_zoomed_part_follow(browser: Browser) -> None:
    # So slowly that a busy machine, too, looks while the zoomed part still begins at zero.
    browser.run(f"{VIDEO}.muted = true; {VIDEO}.currentTime = 0; {VIDEO}.playbackRate = 0.1")
    browser.wait(f"return {POSITION} === 0")
    browser.run("for (let i = 0; i < 4; i++) document.querySelector('[data-do=\"in\"]').click()")
    assert browser.run("return window.explorer.time.start") > 1
    browser.driver.find_element("id", "explorer-panels").send_keys(" ")
    browser.wait(f"return {POSITION} > 0.2")
    span = browser.run("return [window.explorer.time.start, window.explorer.time.end]")
    assert span[0] == 0
    browser.driver.find_element("id", "explorer-panels").send_keys(" ")
    browser.wait(f"return {VIDEO}.paused")
    browser.run(f"{VIDEO}.playbackRate = 1")


def test_one_trial_needs_no_choice_and_a_broken_video_is_said(browser: Browser) -> None:
    assert browser.run("return document.querySelector('.choose').offsetHeight") == 0
    assert browser.run("return document.getElementById('video-trouble').hidden") is True
    browser.run(f"{VIDEO}.src = 'data:video/mp4;base64,AAAA'")
    browser.wait("return !document.getElementById('video-trouble').hidden")
    assert "--copy" in browser.run("return document.getElementById('video-trouble').textContent")
    browser.errors()
