import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.clips.target import TargetsConfig
from pipeline.models.config import ModelConfig
from pipeline.runtime import stage
from pipeline.runtime.errors import ConfigError, disk_error
from pipeline.runtime.folders import work_folder
from pipeline.runtime.loaded import SOURCES
from pipeline.runtime.stage import StageParams, argument, load_params
from pipeline.training.config import TrainingConfig

MODEL = {"fusion": "unimodal", "streams": ["ir50", "ir50"], "temporal": "tcn"}
PARAMS = StageParams({"corpus": {"kind": "affwild2", "root": "x", "index": "y"}, "models": {"visual": MODEL}})


def test_a_section_that_is_left_out_has_its_defaults() -> None:
    assert PARAMS.section(TrainingConfig, "training") == TrainingConfig()


def test_targets_are_read_whatever_the_kind_of_corpus() -> None:
    assert PARAMS.section(TargetsConfig, "corpus").targets == {"valence": (-1.0, 1.0), "arousal": (-1.0, 1.0)}


def test_an_entry_is_read_by_its_name() -> None:
    assert PARAMS.entry(ModelConfig, "models", "visual").streams == ("ir50",)
    with pytest.raises(ConfigError, match=r"no models\.visuel; did you mean 'visual'"):
        PARAMS.entry(ModelConfig, "models", "visuel")


@pytest.mark.parametrize("given", [[], ["visual", "audio"]])
def test_a_stage_takes_one_argument(given: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["train.py", *given])
    with pytest.raises(ConfigError, match="the model"):
        argument("model")


def test_the_whole_file_is_checked_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(
        "corpus: {kind: affwild2, root: x, index: y}\nbackbones: {}\nmodels: {}\nreport: {titel: a}\n", encoding="utf-8"
    )
    monkeypatch.setattr(stage, "PARAMS", str(file))
    with pytest.raises(ConfigError, match=r"report\.titel: unknown key; did you mean 'title'"):
        load_params()


def test_parameters_that_change_meanwhile_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "params.yaml"
    file.write_text("training: {epochs: 1}\n", encoding="utf-8")
    monkeypatch.setattr(stage, "PARAMS", str(file))
    stage.run_stage(lambda: None)

    def rewrite(text: str) -> Callable[[], None]:
        def main() -> None:
            file.write_text(text, encoding="utf-8")

        return main

    stage.run_stage(rewrite("training:\n  epochs: 1  # few\n"))
    with pytest.raises(SystemExit):
        stage.run_stage(rewrite("training: {epochs: 2}\n"))
    assert f"{file} changed while the stage ran" in capsys.readouterr().err


def test_code_that_changes_meanwhile_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(SOURCES, "pipeline.runtime.errors", b"EDITED = 1\n")
    with pytest.raises(SystemExit):
        stage.run_stage(lambda: None)
    assert "errors.py changed while the stage ran" in capsys.readouterr().err


def test_a_disk_error_ends_a_stage_with_its_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    def main() -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), "data/clips")

    with pytest.raises(SystemExit):
        stage.run_stage(main)
    text = capsys.readouterr().err
    assert "data/clips: Read-only file system -> make it writable" in text
    assert "Traceback" not in text


def test_an_error_of_ours_keeps_its_traceback() -> None:
    def main() -> None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), "data/none")

    with pytest.raises(FileNotFoundError):
        stage.run_stage(main)


def test_hdf5_hides_the_systems_number_in_its_text() -> None:
    text = "Can't read data (file read failed: time = now\n, filename = 'a/b.h5', errno = 28, error message = 'No')"
    told = disk_error(RuntimeError(text))
    assert told is not None
    assert "free some space" in str(told)
    assert disk_error(OSError("truncated file")) is None


def test_numpy_hides_that_the_disk_is_full(tmp_path: Path) -> None:
    told = disk_error(OSError("10752 requested and 1436 written"))
    assert told is not None
    assert str(told).startswith("the disk: 1 problem\n  No space left on device -> free some space")
    with pytest.raises(OSError, match="No space left") as caught, work_folder(tmp_path / "work"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert caught.value.filename == str(tmp_path / "work")
