"""`affectflow init`: what it writes for a corpus of one's own, and what it says of it."""

import csv
import json
from pathlib import Path

import pytest

from pipeline.cli.corpus_files import find_targets, find_trials
from pipeline.cli.new_params import quoted
from pipeline.config import load
from pipeline.corpora.config import TableConfig
from pipeline.runtime.section import read_yaml
from tests.cli.calling import Call
from tests.corpus_factory import write_corpus
from tests.media_factory import write_video
from tests.miniatures import PEOPLE, write_bytes, write_fatigue, write_recola, write_text


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AFFECTFLOW_CACHE", str(tmp_path / "cache"))
    return tmp_path


def rows(path: str | Path) -> dict[str, dict[str, str]]:
    with Path(path).open(newline="") as file:
        return {row["trial"]: row for row in csv.DictReader(file)}


def touch(root: Path, *names: str) -> Path:
    for name in names:
        write_bytes(root / name, b"")
    return root


# --- from a folder to an index


def test_a_folder_of_videos_becomes_a_corpus_that_validates(affectflow: Call, here: Path) -> None:
    write_fatigue(here / "corpus")
    (here / "manifest.csv").unlink()
    answer = affectflow("init", "table", "--root", "corpus", "--title", "Tired: people")
    assert answer.code == 0, answer.err
    assert answer.out.startswith("written: params.yaml, data/corpus.csv\n")
    assert "corpus.targets: fatigue 0 to 10, guessed from the labels" in answer.out
    table = rows("data/corpus.csv")
    assert {trial: row["subject"] for trial, row in table.items()} == PEOPLE
    assert table["p2"]["labels"] == "labels/p2.csv"
    params = load("params.yaml")
    assert isinstance(params.corpus, TableConfig)
    assert params.report.title == "Tired: people"
    assert params.corpus.targets == {"fatigue": (0, 10)}
    assert (params.folds.count, params.evaluate.top_folds) == (5, 3)
    assert not any(model.published for model in params.models.values()), "no numbers of another corpus"
    steps = [line.split("#")[0].split() for line in answer.out.partition("next:\n")[2].splitlines()]
    assert steps == [["affectflow", name] for name in ("validate", "index", "run")]
    for step in steps[:2]:
        said = affectflow(*step[1:])
        assert said.code == 0, said.err
    assert affectflow("validate").out.endswith("the index matches the corpus\n")


def test_params_yaml_is_replaced_by_force_alone(affectflow: Call, here: Path) -> None:
    write_fatigue(here / "corpus")
    Path("params.yaml").write_text("mine: 1\n")
    answer = affectflow("init", "table", "--root", "corpus")
    assert answer.code == 1
    assert "params.yaml is there already -> keep a copy of it: cp params.yaml my_params.yaml; then" in answer.err
    assert Path("params.yaml").read_text() == "mine: 1\n"
    assert not Path("data").exists()
    assert affectflow("init", "table", "--root", "corpus", "--force").code == 0
    assert load("params.yaml").corpus.kind == "table"


def test_a_table_that_is_there_is_used_as_it_is(affectflow: Call, here: Path) -> None:
    config = write_fatigue(here / "corpus")
    before = Path(config.manifest).read_bytes()
    answer = affectflow("init", "table", "--root", "corpus", "--manifest", "manifest.csv", "--target", "fatigue=1:7")
    assert answer.code == 0
    assert "manifest.csv was there already, and is used as it is" in answer.out
    assert Path(config.manifest).read_bytes() == before
    corpus = load("params.yaml").corpus
    assert isinstance(corpus, TableConfig)
    assert (corpus.manifest, dict(corpus.targets)) == ("manifest.csv", {"fatigue": (1, 7)})


def test_videos_without_sound_get_the_models_of_the_picture(affectflow: Call, here: Path) -> None:
    write_fatigue(here / "corpus")
    for video in (here / "corpus/video").iterdir():
        write_video(video, frames=12, audio=False)
    answer = affectflow("init", "table", "--root", "corpus")
    assert "no video has sound" in answer.out
    params = load("params.yaml")
    assert (list(params.backbones), list(params.models)) == (["ir50"], ["visual"])
    write_video(here / "corpus/video/p2.mp4", frames=12)
    answer = affectflow("init", "table", "--root", "corpus", "--force")
    assert "sound of 5 of 6 videos (p1_a, p1_b, p3, p4, p5) -> " in answer.out
    assert "vggish" in load("params.yaml").backbones


def test_published_corpora(affectflow: Call, here: Path) -> None:
    write_corpus(here / "wild")
    answer = affectflow("init", "affwild2", "--root", "wild", "--json")
    assert answer.code == 0, answer.err
    said = json.loads(answer.out)
    assert said["found"] == {"trials": 8, "train": 5, "validation": 2, "test": 1}
    assert said["missing"] == []
    params = load("params.yaml")
    assert (params.folds.scheme, params.report.title) == ("abaw", "affectflow on wild")
    assert not any(model.published for model in params.models.values())
    write_recola(here / "recola")
    (here / "recola/ratings_gold_standard/arousal").rename(here / "recola/ratings_gold_standard/energy")
    answer = affectflow("init", "recola", "--root", "recola", "--force")
    assert answer.code == 0
    assert "missing:" in answer.out
    assert "arousal" in answer.out.partition("missing:")[2]
    assert load("params.yaml").folds.count == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("table", "--root", "nowhere"), "--root nowhere: no such folder"),
        (("table", "--root", "empty"), "there is no video in it or below -> set --root"),
        (("table", "--root", "bare"), "there are no labels -> say what is annotated: --target NAME=LOW:HIGH"),
        (("table", "--root", "bare", "--target", "fatigue"), "write NAME=LOW:HIGH"),
        (("table", "--root", "bare", "--target", "fatigue=10:0"), "the range is empty"),
        (("table", "--root", "bare", "--target", "a b=0:1"), "is no name for a file"),
        (("affwild2", "--root", "bare", "--manifest", "m.csv"), "--manifest: affwild2 has none"),
    ],
)
def test_what_cannot_be_is_said_and_nothing_written(
    affectflow: Call, here: Path, arguments: tuple[str, ...], message: str
) -> None:
    (here / "empty").mkdir()
    write_video(here / "bare/a.mp4")
    answer = affectflow("init", *arguments)
    assert answer.code == 1
    assert message in answer.err
    assert not Path("params.yaml").exists()
    assert not Path("data").exists()


def test_weights_that_are_there_are_named_with_their_checksum(affectflow: Call, here: Path) -> None:
    write_fatigue(here / "corpus")
    write_bytes(here / "data/weights/res50_ir_0.887.pth", b"weights")
    answer = affectflow("init", "table", "--root", "corpus")
    backbones = load("params.yaml").backbones
    assert backbones["ir50"].weights == "data/weights/res50_ir_0.887.pth"
    assert backbones["ir50"].sha256 is not None
    assert backbones["vggish"].weights == "random"
    assert "vggish has random weights: data/weights/vggish-10086976.pth is not there" in answer.out


# --- matching by name


def test_files_belong_to_the_video_whose_name_they_have_or_begin_with(tmp_path: Path) -> None:
    root = touch(tmp_path, "v/p1.MP4", "v/p1_b.mp4", "s/p1.wav", "l/P1_rating.csv", "l/p1_b_rating.csv", "l/p10.csv")
    found = find_trials(root)
    assert [(one.trial, one.audio, one.labels) for one in found.matches] == [
        ("p1", "s/p1.wav", "l/P1_rating.csv"),
        ("p1_b", "", "l/p1_b_rating.csv"),
    ]
    assert found.left_over == ("l/p10.csv: no video of this name",)


def test_what_could_belong_twice_is_left_out_and_named(tmp_path: Path) -> None:
    root = touch(tmp_path, "p1.mp4", "a/p1_x.csv", "b/p1_y.csv", "p2.mp4", "p2.csv", "p2_old.csv")
    found = find_trials(root)
    assert [(one.trial, one.labels, one.partition) for one in found.matches] == [
        ("p1", "", "test"),
        ("p2", "p2.csv", ""),
    ]
    assert found.left_over == (
        "a/p1_x.csv, b/p1_y.csv: each could be the one of p1.mp4",
        "p2_old.csv: p2.mp4 has p2.csv",
    )


def test_videos_of_one_name_in_folders_of_people(tmp_path: Path) -> None:
    videos = [f"{who}/{when}.mp4" for who in ("anna", "ben") for when in ("first", "second")]
    labels = [f"{who}/{when}.csv" for who in ("anna", "ben") for when in ("first", "second")]
    found = find_trials(touch(tmp_path, *videos, *labels))
    assert [one.trial for one in found.matches] == ["anna_first", "anna_second", "ben_first", "ben_second"]
    assert [one.subject for one in found.matches] == ["anna", "anna", "ben", "ben"]
    assert all(one.labels == one.video.replace("mp4", "csv") for one in found.matches)
    assert found.left_over == ()


def test_names_are_made_that_results_can_have(tmp_path: Path) -> None:
    found = find_trials(touch(tmp_path, "Zoë, day 1.mp4", "_x.mp4", "submission.mp4", "zoe day 1.mp4", ".hidden.mp4"))
    assert {one.video: (one.trial, one.subject) for one in found.matches} == {
        "Zoë, day 1.mp4": ("Zoe_day_1", "Zoe_"),
        "zoe day 1.mp4": ("zoe_day_1_2", "zoe"),
        "_x.mp4": ("v_x", "v_x"),
        "submission.mp4": ("submission_", "submission_"),
    }


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("valence", "0.1 0.9", (-1, 1)),
        ("pain", "0.1 0.9", (0, 1)),
        ("pain", "-0.5 0.5", (-1, 1)),
        ("fatigue", "3 7", (0, 10)),
        ("effort", "3 77", (0, 100)),
        ("pulse", "50 180", (50, 180)),
        ("pulse", "150 150", (150, 151)),
    ],
)
def test_the_range_of_a_target_is_guessed(
    tmp_path: Path, name: str, values: str, expected: tuple[float, float]
) -> None:
    touch(tmp_path, "a.mp4")
    write_text(
        tmp_path / "a.csv", "\n".join([f"time,{name}", *(f"{row},{one}" for row, one in enumerate(values.split()))])
    )
    assert find_targets(tmp_path, find_trials(tmp_path)) == ({name: expected}, [])


def test_labels_without_a_header_are_named(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4")
    write_text(tmp_path / "a.csv", "0.1,0.2\n0.3,0.4\n")
    targets, problems = find_targets(tmp_path, find_trials(tmp_path))
    assert targets == {}
    assert len(problems) == 1
    assert "its first line has '0.1' where a target is named -> begin it with a line" in problems[0]


@pytest.mark.parametrize(
    "text", ["plain/path", "a b", "null", "no", "3", "a: b", "é", 'q"', "#x", "-", "~/x", "a\\b", " "]
)
def test_any_text_is_the_same_in_yaml(tmp_path: Path, text: str) -> None:
    (tmp_path / "t.yaml").write_text(f"key: {quoted(text)}  # a comment\n", encoding="utf-8")
    assert read_yaml(tmp_path / "t.yaml") == {"key": text}
