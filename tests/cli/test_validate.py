"""`affectflow validate` on a table corpus: what its table shows."""

import json
from pathlib import Path

import pytest

from tests.cli.calling import Call
from tests.media_factory import write_video
from tests.miniatures import write_fatigue

PARAMS = """
corpus: {kind: table, root: corpus, index: index.csv, manifest: manifest.csv, targets: {fatigue: [0, 10]}}
folds: {count: 2}
evaluate: {top_folds: 2}
backbones: {ir50: {weights: random}SOUND}
models: {visual: {fusion: unimodal, temporal: tcn, streams: [ir50, ir50]}MODEL}
compute: {engine: serial}
"""


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AFFECTFLOW_CACHE", str(tmp_path / "cache"))
    write_fatigue(tmp_path / "corpus")
    write_video(tmp_path / "corpus/video/p3.mp4", frames=50, rate=25, audio=False)  # neither a face nor sound
    write_params()
    return tmp_path / "corpus"


def write_params(*, sound: bool = False) -> None:
    model = ", audio: {fusion: unimodal, temporal: tcn, streams: [vggish, vggish]}"
    text = PARAMS.replace("SOUND", ", vggish: {weights: random}" if sound else "")
    Path("params.yaml").write_text(text.replace("MODEL", model if sound else ""))


def test_the_table_has_what_each_trial_holds(affectflow: Call, corpus: Path) -> None:
    answer = affectflow("validate")
    assert answer.code == 0, answer.err
    rows = {line.split()[0]: line for line in answer.out.splitlines() if line.strip()}
    assert rows["p2"].split() == ["p2", "train", "p2", "30", "25", "5", "of", "5", "1.2", "s", "4", "of", "4", "rows"]
    assert rows["p3"].split() == ["p3", "train", "p3", "50", "25", "0", "of", "5", "none", "30", "of", "30", "rows"]
    assert "note: no face in a quick look (p3) -> " in answer.out
    assert "`clips: {on_error: skip}`" in answer.out
    assert "note: no sound in 1 of 6 trials (p3)" in answer.out


def test_models_that_need_sound_refuse_silent_trials(affectflow: Call, corpus: Path) -> None:
    write_params(sound=True)
    answer = affectflow("validate")
    assert answer.code == 1
    assert "video/p3.mp4, trial p3: there is no sound, and models audio need it -> " in answer.err
    assert "trial p2" not in answer.err


def test_the_answer_as_json(affectflow: Call, corpus: Path) -> None:
    answer = affectflow("validate", "--json")
    assert answer.code == 0
    trials = {row["trial"]: row for row in json.loads(answer.out)["trials"]}
    assert trials["p3"]["sound"] == 0
    assert trials["p2"]["sound"] == pytest.approx(1.2, abs=0.05)
    assert (trials["p2"]["faces"], trials["p3"]["faces"]) == (5, 0)
    (corpus / "labels/p2.csv").unlink()
    answer = affectflow("validate", "--json")
    assert answer.code == 1
    data = json.loads(answer.out)
    assert [problem["trial"] for problem in data["problems"]] == ["p2"]
    assert {row["trial"]: row["problems"] for row in data["trials"]}["p2"] == 1


def test_a_large_corpus_shows_trials_with_problems_first(
    affectflow: Call, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.cli.survey_table.SHOWN", 2)
    (corpus / "labels/p5.csv").unlink()
    answer = affectflow("validate")
    shown = [line.split()[0] for line in answer.out.splitlines() if " train " in line]
    assert shown == ["p5", "p1_a"]
    assert "... and 4 more trials: --all shows them" in answer.out
    assert affectflow("validate", "--all").out.count(" train ") == 6
