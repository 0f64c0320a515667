from pathlib import Path

import pytest
from hypothesis import given

from pipeline.readers.table import Table
from pipeline.runtime.names import name_fault
from tests.miniatures import PEOPLE, fatigue_row, table_config, write_manifest, write_text
from tests.strategies import nearly


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder in ("video", "labels", "sound"):
        (tmp_path / "corpus" / folder).mkdir(parents=True)
    return tmp_path / "corpus"


def read(root: Path, *rows: dict[str, str], text: str | None = None) -> Table:
    manifest = root.parent / "manifest.csv"
    if text is None:
        write_manifest(manifest, list(rows))
    else:
        write_text(manifest, text)
    return Table(table_config(root))


def row(trial: str = "p1_a", **changes: str) -> dict[str, str]:
    return {**fatigue_row("p2"), "trial": trial, **changes}


def faults(corpus: Table) -> list[str]:
    found = [str(problem).replace(f"{corpus.manifest}", "table") for problem in corpus.validate()]
    assert found
    return found


def test_rows_become_trials(root: Path) -> None:
    corpus = read(root, *(fatigue_row(trial) for trial in reversed(PEOPLE)))
    assert corpus.validate() == ()
    trials = corpus.trials()
    assert [trial.trial for trial in trials] == sorted(PEOPLE)
    assert {trial.trial: trial.subject for trial in trials} == PEOPLE
    first = trials[0]
    assert first.video == root / "video/p1_a.mp4"
    assert first.annotation == root / "labels/p1_a.csv"
    assert (first.audio, first.images, first.partition) == (None, None, "train")


def test_sound_and_partitions_from_the_table(root: Path) -> None:
    rows = [
        row("a", audio="sound/a.wav", partition="train"),
        row("b", partition="validation"),
        row("c", partition="test", labels=""),
        row("d", partition="test"),
    ]
    corpus = read(root, *rows)
    assert corpus.validate() == ()
    trials = corpus.trials()
    assert trials[0].audio == root / "sound/a.wav"
    assert [trial.partition for trial in trials] == ["train", "validation", "test", "test"]
    assert trials[2].annotation is None
    assert trials[3].annotation is not None


def test_optional_columns_any_order_and_blank_lines(root: Path) -> None:
    corpus = read(root, text='\ufeffsubject, Trial ,labels,video\n\n p1 ,a,l.csv,"v, 1.mp4"\n,,,\n')
    assert corpus.validate() == ()
    (trial,) = corpus.trials()
    assert trial.video == root / "v, 1.mp4"
    assert (trial.subject, trial.partition, trial.audio) == ("p1", "train", None)


def test_a_test_set_may_stand_beside_trials_without_a_partition(root: Path) -> None:
    corpus = read(root, row("a"), row("b", partition="test"))
    assert corpus.validate() == ()


def test_all_problems_at_once_each_with_its_row(root: Path) -> None:
    rows = [
        row("ok"),
        row("a/b"),
        row("OK"),
        row("c", subject="", video="", labels=""),
        row("d", partition="dev"),
        row("e", video="/data/e.mp4", audio="/data/e.wav"),
        row("f", partition="validation"),
        row("g", labels="lables/g.csv"),
    ]
    text = ",".join(rows[0]) + "\n" + "".join(",".join(cells.values()) + "\n" for cells in rows) + "a,b\n"
    corpus = read(root, text=text)
    found = faults(corpus)
    for expected in (
        "table:3, trial a/b: trial 'a/b' is no name for a file",
        "table:4, trial OK: named twice, first in row 2",
        "table:5, trial c: no subject",
        "table:5, trial c: no video",
        "table:5, trial c: no labels",
        "table:6, trial d: unknown partition 'dev'",
        "table:7, trial e: video '/data/e.mp4' is an absolute path",
        "table:7, trial e: audio '/data/e.wav' is an absolute path",
        "table:9, trial g: there is no folder of labels 'lables/g.csv' -> correct the path",
        "table:10: 2 values where the header names 6",
        "table:2: 6 trials without a partition beside others that have one",
    ):
        assert any(line.startswith(expected) for line in found), (expected, found)
    assert len(found) == 11
    assert all("->" in line for line in found)
    # What can be used is still looked at further: its files may have problems too.
    assert [trial.trial for trial in corpus.trials()] == ["f", "ok"]


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("trial,video,labels", "no column subject"),
        ("trial,video,adio,labels,subject", "unknown column 'adio'; did you mean 'audio'?"),
        ("trial,trial,video,labels,subject", "a column twice"),
        ("", "no column trial; no column video; no column labels; no column subject"),
    ],
)
def test_a_header_must_say_what_the_columns_are(root: Path, header: str, message: str) -> None:
    assert faults(read(root, text=f"{header}\n"))[0].startswith(f"table:1: {message}")


def test_an_empty_table_a_binary_one_and_none(root: Path) -> None:
    assert "the table is empty" in faults(read(root, text="trial,video,labels,subject\n"))[0]
    manifest = root.parent / "manifest.csv"
    manifest.write_bytes(b"\xff\xfe\x00")
    assert "not a text file" in faults(Table(table_config(root)))[0]
    manifest.unlink()
    assert faults(Table(table_config(root))) == ["table: missing -> set corpus.manifest in params.yaml to the table"]
    assert len(faults(Table(table_config(root / "nowhere")))) == 2


HEADER = "trial,video,labels,subject\n"


@pytest.mark.parametrize("cell", ["trial", "video", "labels", "subject"])
def test_a_line_break_in_a_quoted_cell_is_refused(root: Path, cell: str) -> None:
    cells = {"trial": "a", "video": "video/a.mp4", "labels": "labels/a.csv", "subject": "s"}
    cells[cell] = f'"{cells[cell][:1]}\n{cells[cell][1:]}"'
    corpus = read(root, text=f"{HEADER}{','.join(cells.values())}\nb,video/b.mp4,labels/b.csv,s\n")
    first = faults(corpus)[0]
    assert first.startswith("table:2: a quoted cell must end in its line")
    assert first.endswith("-> write the row on one line, its cells parted as in the header")


@pytest.mark.parametrize("name", ["../a", "/a", "a/b", "a b", "é", "a\\b", "submission", "x" * 101])
def test_a_trial_that_is_no_name_for_a_file_is_refused(root: Path, name: str) -> None:
    corpus = read(root, row(name), row("b"))
    (problem,) = corpus.validate()
    assert (problem.row, problem.message[:6]) == (2, "trial ")
    assert [trial.trial for trial in corpus.trials()] == ["b"]


@pytest.mark.parametrize("column", ["video", "audio", "labels"])
@pytest.mark.parametrize("path", ["../elsewhere/a.mp4", "/data/a.mp4", "video/../../a.mp4"])
def test_a_path_that_leaves_the_corpus_is_refused(root: Path, column: str, path: str) -> None:
    (problem,) = faults(read(root, row("a", **{column: path})))
    assert problem.startswith(f"table:2, trial a: {column} {path!r} is an absolute path or leaves the corpus")


def test_a_path_longer_than_any_is_refused(root: Path) -> None:
    (problem,) = faults(read(root, row("a", video="v" * 300 + "/" + "w" * 300 + ".mp4")))
    assert problem.startswith("table:2, trial a: ")
    assert len(problem) < 500


@given(nearly([HEADER, "a,video/a.mp4,labels/a.csv,s\n", "b,", "video/b.mp4,", "labels/b.csv,", "s\n", "../x,"]))
def test_any_bytes_give_trials_or_the_table_and_its_rows(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    root = tmp_path_factory.getbasetemp() / "tabled" / "corpus"
    for folder in ("video", "labels"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    config = table_config(root)
    Path(config.manifest).write_bytes(data)
    corpus = Table(config)
    assert all(name_fault(trial.trial) is None and ".." not in trial.video.parts for trial in corpus.trials())
    assert all(problem.file == config.manifest and "\n" not in str(problem) for problem in corpus.validate())
    assert corpus.trials() or corpus.validate()


@pytest.mark.parametrize("separator", [";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_what_spreadsheets_write_is_read(root: Path, separator: str, encoding: str) -> None:
    config = table_config(root)
    text = f"{HEADER}a,video/a.mp4,labels/a.csv,s\n".replace(",", separator)
    Path(config.manifest).write_text(text, encoding=encoding)
    corpus = Table(config)
    assert corpus.validate() == ()
    assert [trial.trial for trial in corpus.trials()] == ["a"]
