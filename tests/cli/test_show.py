import os
import signal
import subprocess
import sys
import urllib.request
from functools import partial
from pathlib import Path

import pytest

from pipeline.corpora.index_table import IndexRow, write_index
from tests.evaluation.synthetic import RATE, labelled_trials, write_project
from tests.media_factory import write_video

COMMAND = [sys.executable, "-m", "pipeline.cli.app", "show"]
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("show") / "root"
    write_project(root)
    trials = labelled_trials()
    videos = {"trial00": "raw_videos/trial00.mp4", "trial01": "raw_videos/trial01.avi"}
    rows = [
        IndexRow(trial, "train", trial, videos.get(trial, "raw_videos/none.mp4"), "", "", "", 0, "0" * 64)
        for trial in trials
    ]
    write_index(root / "index.csv", rows)
    videos_folder = root / "corpus" / "raw_videos"
    write_video(videos_folder / "trial00.mp4", frames=len(trials["trial00"]), rate=int(RATE))
    write_video(
        videos_folder / "trial01.avi",
        frames=len(trials["trial01"]),
        rate=int(RATE),
        codec="mpeg4",
        sound_codec="libmp3lame",
    )
    return root


def start(project: Path, *arguments: str, temporary: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "TMPDIR": str(temporary)}
    return subprocess.Popen(
        [*COMMAND, *arguments, "--no-browser"],
        cwd=project,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Where the tests run in the background of a shell, they and their children ignore it.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("trial", "note", "ending"),
    [
        ("trial00", None, signal.SIGINT),
        ("trial01", "The page plays a copy of trial01.avi: its container is AVI", signal.SIGTERM),
        ("trial02", "The trial's video is not on this machine: its traces are shown alone.", signal.SIGINT),
    ],
)
def test_a_trial_is_shown_until_the_command_is_ended(
    project: Path, tmp_path: Path, trial: str, note: str | None, ending: signal.Signals
) -> None:
    running = start(project, trial, temporary=tmp_path)
    assert running.stdout is not None
    said = []
    for line in running.stdout:
        said.append(line)
        if "is shown at" in line:
            break
    assert said, running.communicate()
    address = next(word for word in said[-1].split() if word.startswith("http://"))
    with urllib.request.urlopen(address, timeout=20) as answer:
        assert f"<h1>{trial}</h1>" in answer.read().decode()
    if trial != "trial02":
        with urllib.request.urlopen(f"{address}video", timeout=20) as answer:
            assert answer.headers["Content-Type"] == "video/mp4"
    assert any(note in line for line in said) if note else len(said) == 1
    running.send_signal(ending)
    rest, errors = running.communicate(timeout=20)
    assert (running.returncode, rest) == (0, "stopped\n")
    assert "Traceback" not in errors
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_mistakes_are_one_sentence(project: Path, tmp_path: Path) -> None:
    unknown = start(project, "trail00", temporary=tmp_path)
    said = unknown.communicate(timeout=60)
    assert unknown.returncode == 1
    assert "there is no trial 'trail00'; did you mean 'trial00'?" in said[1]
    missing = start(project, temporary=tmp_path)
    assert "Missing argument 'TRIAL'" in missing.communicate(timeout=60)[1]
    assert missing.returncode == 2
