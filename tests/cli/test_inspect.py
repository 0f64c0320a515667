"""`affectflow inspect`: the picture of a clip."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.cli.timeline_picture import envelope
from stages import clips
from tests.cli.calling import Call
from tests.stages.project import index, start_project

TRIAL = "video4"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = start_project(tmp_path, monkeypatch)
    labels = folder / "corpus/annotations/VA_Set/Validation_Set" / f"{TRIAL}.txt"
    lines = labels.read_text().splitlines()
    lines[4] = "-5,-5"
    labels.write_text("\n".join(lines) + "\n")
    (folder / "corpus/cropped_aligned" / TRIAL / "00003.jpg").unlink()
    index()
    clips.main()
    return folder


def test_a_clip_is_drawn(affectflow: Call, project: Path) -> None:
    answer = affectflow("inspect", TRIAL)
    assert answer.code == 0, answer.err
    assert f"{TRIAL}.png: {TRIAL}, 12 frames, 0.4" in answer.out
    done = "alignment: 1 frames that nobody annotated masked; 1 frames without a face image masked"
    assert done in answer.out
    picture = cv2.imread(str(project / f"{TRIAL}.png"))
    assert picture is not None
    assert picture.shape[1] > 1000
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 100
    before = Path(f"{TRIAL}.png").read_bytes()
    affectflow("inspect", TRIAL)
    assert Path(f"{TRIAL}.png").read_bytes() == before


def test_a_part_of_it_in_numbers_and_as_another_kind_of_picture(affectflow: Call, project: Path) -> None:
    answer = affectflow("inspect", TRIAL, "--from", "0.1", "--to", "0.3", "--out", "out/p.svg", "--json")
    assert answer.code == 0, answer.err
    said = json.loads(answer.out)
    assert (said["frames"], said["frames_with_face"], said["frames_with_label"]) == (12, 11, 11)
    assert said["picture"] == "out/p.svg"
    text = Path("out/p.svg").read_text()
    assert text.startswith("<?xml")
    assert "<dc:date>" not in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("vide4",), "there is no clip of 'vide4'; did you mean 'video4'"),
        ((TRIAL, "--out", "p.txt"), "--out p.txt: write one of .png, .svg, .pdf"),
        ((TRIAL, "--from", "9"), "video4 lasts from 0 to 0.4"),
    ],
)
def test_what_cannot_be_drawn(affectflow: Call, project: Path, arguments: tuple[str, ...], message: str) -> None:
    answer = affectflow("inspect", *arguments)
    assert answer.code == 1
    assert message in answer.err
    assert not list(project.glob("*.png"))


def test_the_envelope_holds_every_sample() -> None:
    audio = np.random.default_rng(0).integers(-999, 999, 1003).astype(np.int16)
    time, low, high = envelope(audio, 100, bins=10)
    assert len(time) == len(low) == 10
    assert (low.min(), high.max()) == (audio.min(), audio.max())
    assert (np.diff(time) > 0).all()
    assert time[-1] < 10.03
    assert len(envelope(audio[:3], 100, bins=10)[0]) == 3
