"""What `dvc repro` does from nothing, with nothing changed, and after each kind of change."""

import csv
import json
import os
import signal
import time

import pytest

from tests.dag.scratch import DEMO_STAGE, STAGES, Run, Scratch

pytestmark = pytest.mark.slow

REPORT = tuple(
    f"reports/{name}" for name in ("index.html", "ccc.csv", "ccc.json", "ccc.md", "ccc.tex", "differences.csv")
)


def test_everything_is_built_from_nothing(first: tuple[Scratch, Run]) -> None:
    scratch, run = first
    assert run.ran == STAGES | {DEMO_STAGE}
    assert run.computed["clips"] == run.computed["extract ir50"] == run.computed["extract vggish"] == 7
    assert run.computed["train grjca"] == run.computed["train visual"] == 2
    outs = scratch.outs()
    assert {path for path in outs if path.startswith("reports/")} == set(REPORT)
    assert all(outs[path] for path in REPORT)
    for model in ("visual", "grjca"):
        assert {f"models/{model}/fold0.safetensors", f"models/{model}/fold1.safetensors"} <= set(outs)
        metrics = json.loads(outs[f"metrics/evaluate/{model}.json"])
        assert -1 <= metrics["P"] <= 1
        assert outs[f"predictions/{model}/submission.txt"].startswith(b"image_location,valence,arousal\n")
        curves = list(csv.DictReader(outs[f"plots/train/{model}.csv"].decode().splitlines()))
        assert [(row["fold"], row["epoch"]) for row in curves] == [("0", "0"), ("0", "1"), ("1", "0"), ("1", "1")]
        assert {row["repeat"] for row in curves} == {"0"}


def test_no_result_names_this_machine(built: Scratch) -> None:
    outs = built.outs()
    assert len(outs) > 20
    place = str(built.root).encode()
    assert [path for path, content in outs.items() if place in content] == []


def test_dvc_leaves_nothing_for_git_but_its_locks_and_small_results(scratch: Scratch) -> None:
    tracked = scratch.git("ls-files").text.split()
    assert not [path for path in tracked if path.startswith(("data/clips", "data/features", "models", "predictions"))]
    assert {"dvc.lock", "data/demo/dvc.lock", "metrics/evaluate/grjca.json", "plots/train/grjca.csv"} <= set(tracked)
    assert not [
        path for path in tracked if path.endswith(".gitignore") and path not in (".gitignore", ".dvc/.gitignore")
    ]


def test_a_second_run_runs_nothing(scratch: Scratch) -> None:
    before = scratch.outs()
    run = scratch.repro()
    assert run.ran == run.restored == set()
    assert "up to date" in run.text
    assert scratch.outs() == before
    assert scratch.git("status", "--short").text == ""


def test_a_fusion_parameter_reruns_its_model_and_the_way_back_runs_nothing(scratch: Scratch) -> None:
    before = scratch.outs()
    scratch.params("models.grjca.options.iterations", 2)
    run = scratch.repro()
    assert run.ran == {"train@grjca", "evaluate@grjca", "report"}
    assert run.computed["train grjca"] == 2
    after = scratch.outs()
    changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    assert changed
    assert all("grjca" in path or path in REPORT for path in changed)
    scratch.params("models.grjca.options.iterations", 1)
    run = scratch.repro()
    assert run.ran == set()
    assert run.restored == {"train@grjca", "evaluate@grjca", "report"}
    assert scratch.outs() == before


def test_more_repeats_train_only_what_is_new(scratch: Scratch) -> None:
    before = scratch.outs()
    scratch.params("models.grjca.training", {"repeats": 2})
    run = scratch.repro()
    assert run.ran == {"train@grjca", "evaluate@grjca", "report"}
    assert run.computed["train grjca"] == 2, "the first repeat of each fold is there already"
    after = scratch.outs()
    networks = [f"models/grjca/fold{fold}{repeat}.safetensors" for fold in (0, 1) for repeat in ("", "-repeat1")]
    assert {path for path in after if path.startswith("models/grjca/")} == {*networks, "models/grjca/recipe.json"}
    for fold in (0, 1):
        first = f"models/grjca/fold{fold}.safetensors"
        assert after[first] == before[first] != after[f"models/grjca/fold{fold}-repeat1.safetensors"]
    assert json.loads(after["metrics/evaluate/grjca.json"])["repeats"] == 2
    page = after["reports/index.html"].decode()
    assert "For visual it was trained once: how far another seed would move these figures is unknown." in page


def test_a_changed_sample_rewrites_the_submissions_and_nothing_else(scratch: Scratch) -> None:
    evaluated = {"evaluate@grjca", "evaluate@visual"}
    submission = "predictions/grjca/submission.txt"
    lines = scratch.outs()[submission].decode().splitlines(keepends=True)
    assert len(lines) > 20
    sample = scratch.root / "data" / "sample" / "sample.txt"
    sample.write_text("".join(lines))
    scratch.params("corpus.sample", "data/sample/sample.txt")
    run = scratch.repro()
    assert evaluated <= run.ran <= {*evaluated, "clips", "report"}
    assert run.computed["clips"] == 0
    assert scratch.outs()[submission].decode() == "".join(lines)

    sample.write_text("".join(lines[:-5]))
    assert scratch.repro().ran == {*evaluated, "report"}
    assert scratch.outs()[submission].decode() == "".join(lines[:-5])
    sample.write_text("".join(lines))
    run = scratch.repro()
    assert run.ran == set()
    assert run.restored == {*evaluated, "report"}
    assert scratch.outs()[submission].decode() == "".join(lines)


def test_what_runs_on_reaches_no_result(scratch: Scratch) -> None:
    scratch.params("compute", {"engine": "processes", "workers": 2, "device": "cpu", "numerics": "native"})
    assert scratch.repro().ran == set()


def test_a_comment_in_a_backbone_computes_no_item(scratch: Scratch) -> None:
    scratch.edit("pipeline/backbones/ir50/network.py", '"""\n', '"""\n# A thought.\n')
    run = scratch.repro()
    assert run.ran == {"extract@ir50"}
    assert run.computed == {"extract ir50": 0}


def test_an_edit_to_a_fusion_system_retrains_only_its_models(scratch: Scratch) -> None:
    scratch.edit("pipeline/fusion/unimodal.py", '"""\n', '"""\nUNUSED = 1\n')
    run = scratch.repro()
    assert {stage for stage in run.ran if stage.startswith("train")} == {"train@visual"}
    assert run.computed["train visual"] == 2
    assert "train grjca" not in run.computed
    assert not {"clips", "folds", "extract@ir50", "extract@vggish"} & run.ran


def test_a_new_clip_computes_one_item_for_each_backbone(scratch: Scratch) -> None:
    demo = scratch.root / "data" / "demo" / "params.yaml"
    demo.write_text(demo.read_text().replace("train: 4", "train: 5"))
    run = scratch.repro("extract@ir50", "extract@vggish")
    assert run.ran == {DEMO_STAGE, "clips", "extract@ir50", "extract@vggish"}
    assert run.computed["clips"] == run.computed["extract ir50"] == run.computed["extract vggish"] == 1
    trials = {path.stem for path in (scratch.root / "data" / "clips").glob("*.h5")}
    assert len(trials) == 8
    demo.write_text(demo.read_text().replace("train: 5", "train: 4"))
    assert scratch.repro("extract@ir50", "extract@vggish").ran == set()
    assert len(list((scratch.root / "data" / "clips").glob("*.h5"))) == 7, "a clip that is gone disappears"


def test_a_new_model_computes_only_itself(scratch: Scratch) -> None:
    encoders = {"visual": {"channels": [8]}, "audio": {"channels": [8]}}
    model = {"fusion": "concatenation", "streams": ["ir50", "vggish"], "temporal": "tcn", "encoders": encoders}
    scratch.params("models.concatenation", model)
    run = scratch.repro()
    assert run.ran == {"train@concatenation", "evaluate@concatenation", "report"}


def test_a_label_alone_reruns_no_backbone_item(scratch: Scratch) -> None:
    labels = sorted((scratch.root / "data" / "demo" / "corpus" / "annotations").rglob("*.txt"))
    training = next(path for path in labels if "Train" in path.parent.name)
    scratch("cp", "-r", "data/demo/corpus", "data/own")
    own = scratch.root / "data" / "own" / training.relative_to(scratch.root / "data" / "demo" / "corpus")
    rows = own.read_text().splitlines()
    own.chmod(0o644)
    own.write_text("\n".join([rows[0], "0.5,0.5", *rows[2:]]) + "\n")
    scratch.params("corpus.root", "data/own")
    scratch.params("corpus.index", "data/own.csv")
    assert "7 trials" in scratch.affectflow("index").text
    run = scratch.repro("extract@ir50", "extract@vggish")
    assert DEMO_STAGE not in run.ran, "another corpus is not built on the demo"
    assert run.computed["clips"] == 1
    assert run.computed["extract ir50"] == run.computed["extract vggish"] == 0


def test_a_stage_that_fails_leaves_earlier_results(scratch: Scratch) -> None:
    before = scratch.outs()
    index = scratch.root / "data" / "demo" / "index.csv"
    rows = index.read_text().splitlines()
    scratch("cp", "-r", "data/demo/corpus", "data/own")
    for video in (scratch.root / "data" / "own").rglob("*.mp4"):
        video.chmod(0o644)
        video.write_bytes(video.read_bytes()[:200])
    (scratch.root / "data" / "own.csv").write_text(
        "\n".join([rows[0], *(row[:-4] + "ffff" for row in rows[1:])]) + "\n"
    )
    scratch.params("corpus.root", "data/own")
    scratch.params("corpus.index", "data/own.csv")
    run = scratch.repro(ok=False)
    assert run.code != 0
    assert run.ran == {"clips"}
    assert "error: clips failed (`clips: {on_error: skip}` in params.yaml lists such trials" in run.text
    assert "Traceback" not in run.text
    assert scratch.outs() == before


def test_ctrl_c_leaves_earlier_results_and_no_process(scratch: Scratch) -> None:
    before = scratch.outs()
    endless = {"epochs": 100_000, "early_stopping": 100_000, "plateau_patience": 100_000, "min_learning_rate": 0.0}
    scratch.params("models.grjca.training", endless)
    scratch.params("compute", {"engine": "processes", "workers": 2, "device": "cpu", "numerics": "native"})
    process = scratch.start("repro")
    deadline = time.monotonic() + 120
    while len(list(scratch.cache.glob("checkpoints/*"))) < 2:
        assert process.poll() is None
        assert time.monotonic() < deadline, "the folds did not start"
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)
    deadline = time.monotonic() + 30
    text, _ = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "failed to reproduce 'train@grjca'" in text
    assert scratch.outs() == before
    # What started the workers follows within moments.
    while group_lives(process.pid):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def group_lives(leader: int) -> bool:
    """Whether any process of the group still runs."""
    try:
        os.killpg(leader, 0)
    except ProcessLookupError:
        return False
    return True


def test_an_unknown_parameter_is_named_before_anything_runs(scratch: Scratch) -> None:
    before = scratch.outs()
    scratch.params("models.grjca.options.iteration", 3)
    run = scratch.repro(ok=False)
    assert run.code != 0
    assert run.ran == {"train@grjca"}
    assert "models.grjca.options.iteration" in run.text
    assert "did you mean 'iterations'" in run.text
    assert scratch.outs() == before


@pytest.mark.parametrize("stage", ["report", "train@grjca"])
def test_a_lost_result_is_fetched_not_computed(scratch: Scratch, stage: str) -> None:
    place = {"report": "reports", "train@grjca": "models/grjca"}[stage]
    before = scratch.outs()
    scratch("rm", "-rf", place)
    run = scratch.repro()
    assert run.ran == set()
    assert run.restored == {stage}
    assert scratch.outs() == before
