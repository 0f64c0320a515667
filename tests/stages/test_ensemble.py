import json
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline.evaluation.predictions import read_frames
from pipeline.runtime.errors import ConfigError, InputError
from stages import ensemble, report
from tests.evaluation.synthetic import write_project
from tests.stages.test_report import Page, prose

ENSEMBLES = """\
ensembles:
  zest: {models: [audio, grjca], combine: ccc_centred}
  all: {models: [visual, audio, grjca], top_folds: 1}
"""


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("project") / "root"
    write_project(root)
    params = root / "params.yaml"
    params.write_text(params.read_text() + ENSEMBLES)
    return root


@pytest.fixture
def project(synthetic: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "copy"
    shutil.copytree(synthetic, root)
    monkeypatch.chdir(root)
    return root


def run(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    for name in names:
        monkeypatch.setattr(sys, "argv", ["stages.ensemble", name])
        ensemble.main()


def files(root: Path, name: str) -> dict[str, bytes]:
    paths = [root / "metrics" / "evaluate" / f"{name}.json", *(root / "predictions" / name).iterdir()]
    return {path.relative_to(root).as_posix().replace(name, "NAME"): path.read_bytes() for path in paths}


def test_an_ensemble_leaves_what_a_model_leaves(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {name: files(project, name) for name in ("visual", "audio", "grjca")}
    run(monkeypatch, "zest", "all")
    assert files(project, "zest").keys() == before["audio"].keys()
    assert {name: files(project, name) for name in before} == before
    metrics = json.loads((project / "metrics/evaluate/zest.json").read_text())
    best = {name: json.loads(before[name]["metrics/evaluate/NAME.json"])["best_folds"] for name in before}
    assert metrics["members"] == {"audio": best["audio"], "grjca": best["grjca"]}
    assert list(metrics["folds"]) == ["0", "1", "2", "3"]
    assert metrics["submission"]["rows_repeated"] == 3
    of_all = json.loads((project / "metrics/evaluate/all.json").read_text())
    assert of_all["members"] == {name: folds[:1] for name, folds in best.items()}
    assert of_all["P"] > np.mean([json.loads(one["metrics/evaluate/NAME.json"])["P"] for one in before.values()])

    read = {name: read_frames(project / f"predictions/{name}/frames.h5") for name in (*before, "all")}
    for trial, one in read["all"].validation.items():
        mean = np.mean([read[name].validation[trial].predictions for name in before], axis=0)
        np.testing.assert_allclose(one.predictions, mean, atol=1e-6)
    text = np.loadtxt(project / "predictions/all/test01.txt", delimiter=",", skiprows=1)
    np.testing.assert_allclose(text, read["all"].test["test01"].predictions, atol=1e-6)


def test_a_second_run_gives_the_same_bytes(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(monkeypatch, "zest")
    before = files(project, "zest")
    run(monkeypatch, "zest")
    assert files(project, "zest") == before


def test_the_report_shows_ensembles_below_the_models(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(monkeypatch, "zest", "all")
    report.main()
    whole = json.loads((project / "reports/ccc.json").read_text())
    order = ["visual", "audio", "grjca", "zest", "all"]
    assert list(dict.fromkeys(line["model"] for line in whole["lines"])) == order
    members = {line["model"]: line["members"] for line in whole["lines"]}
    assert list(members.values()) == [[], [], [], ["audio", "grjca"], ["visual", "audio", "grjca"]]
    assert "zest is an ensemble: the CCC-centred mean of audio and grjca." in whole["notes"][0]
    assert len(whole["differences"]) == 10 * 3
    page = Page((project / "reports/index.html").read_text())
    text = prose(page)
    assert "all ensemble, the mean of visual, audio and grjca" in text
    assert "all is an ensemble: the mean of visual, audio and grjca." in text
    metrics = json.loads((project / "metrics/evaluate/all.json").read_text())
    assert f"{metrics['P']:.3f}" in text
    best = metrics["members"]
    assert f"visual {best['visual'][0]} audio {best['audio'][0]} grjca {best['grjca'][0]}" in text
    assert "each fold with one voice" in text
    assert len(re.findall("best epoch marked", (project / "reports/index.html").read_text())) >= 3
    assert "Training of zest" not in (project / "reports/index.html").read_text()


def test_what_was_not_combined_is_named(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(monkeypatch, "zest")
    with pytest.raises(InputError, match=r"predictions/all/frames\.h5 is missing -> run `dvc repro ensemble@all`"):
        report.main()


def test_a_member_without_predictions_is_named_and_nothing_is_written(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "predictions/grjca/frames.h5").unlink()
    with pytest.raises(InputError, match=r"predictions/grjca/frames\.h5"):
        run(monkeypatch, "zest")
    assert not (project / "predictions/zest").exists()
    assert not (project / "metrics/evaluate/zest.json").exists()


def test_a_member_of_no_model_is_refused(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    params = project / "params.yaml"
    params.write_text(params.read_text().replace("[audio, grjca]", "[audio, grja]"))
    with pytest.raises(ConfigError, match="'grja' is no model; did you mean 'grjca'"):
        run(monkeypatch, "zest")
