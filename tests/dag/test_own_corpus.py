"""A corpus of one's own, from a folder of videos to a report, by the steps that `affectflow init` prints alone."""

import json
import shutil
from pathlib import Path

import pytest

from tests.dag.scratch import ROOT, create
from tests.face_factory import HERE, face_picture
from tests.media_factory import write_video
from tests.miniatures import FRAMES, PEOPLE, face_video, fatigue_labels, write_bytes, write_text

pytestmark = pytest.mark.slow


def write_folder(root: Path, *, sound: bool) -> None:
    """Write videos and labels as a person keeps them: no table, other names, one video without labels."""
    for number, trial in enumerate([*PEOPLE, "p6"]):
        video = root / "videos" / f"{trial}.mp4"
        if sound:
            write_bytes(video, face_video(number))
        else:
            face = face_picture((HERE[0] + number, *HERE[1:]), subject=("carl", "ben", "eve")[number % 3])
            write_video(video, pictures=[face] * FRAMES, rate=25, audio=False)
        if trial in PEOPLE:
            write_text(root / "ratings" / f"{trial}_fatigue.csv", fatigue_labels(number).replace(",", ";"))


@pytest.mark.parametrize("sound", [True, False])
def test_the_printed_steps_lead_to_a_report(tmp_path: Path, sound: bool) -> None:
    scratch = create(tmp_path)
    shutil.copy(ROOT / "presets/demo.yaml", scratch.root / "params.yaml")
    write_folder(tmp_path / "Tired people", sound=sound)
    refused = scratch.affectflow("init", "table", "--root", "../Tired people", ok=False)
    assert "`affectflow preset demo` brings it back; then repeat with --force" in refused.text
    said = scratch.affectflow("init", "table", "--root", "../Tired people", "--force").text
    assert "labels of 1 of 7 videos (p6)" in said
    # So that the test takes a minute; the steps are as they are printed.
    scratch.edit("params.yaml", "epochs: 30", "epochs: 2")
    scratch.edit("params.yaml", "window: 100", "window: 20")
    scratch.edit("params.yaml", "hop: 50", "hop: 20")
    scratch.edit("params.yaml", "count: 5", "count: 2")
    scratch.edit("params.yaml", "top_folds: 3", "top_folds: 2")
    steps = [line.split("#")[0].split() for line in said.partition("next:\n")[2].splitlines()]
    assert [step[0] for step in steps] == ["affectflow"] * 3
    for _, *words in steps:
        scratch.affectflow(*words)
    page = (scratch.root / "reports/index.html").read_text()
    assert "affectflow on Tired people" in page
    assert "demo corpus" not in page
    lines = json.loads((scratch.root / "reports/ccc.json").read_text())["lines"]
    models = ["visual", "audio", "concatenation", "grjca"] if sound else ["visual"]
    assert list(dict.fromkeys(line["model"] for line in lines)) == models
    assert all(line["published"] is None for line in lines)
    assert (scratch.root / "predictions/visual/p6.txt").is_file()
    status = scratch.affectflow("status", "--json").text
    assert json.JSONDecoder().raw_decode(status)[0]["stages"] == []
    drawn = scratch.affectflow("inspect", "p2")
    assert "p2.png: p2, 30 frames" in drawn.text
