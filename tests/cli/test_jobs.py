"""`affectflow run --jobs`: which stages run when, and what a failure stops."""

import sys
import threading
from collections import defaultdict
from pathlib import Path

import pytest

from pipeline.cli.jobs import BUSY, parse_graph, run_graph, run_stage
from tests.cli.calling import Call

DOT = """strict digraph  {
"data/demo/dvc.yaml:demo";
"clips";
"extract@ir50";
"data/demo/dvc.yaml:demo" -> "clips";
"clips" -> "extract@ir50";
}
"""
GRAPH = {
    "clips": frozenset[str](),
    "a": frozenset({"clips"}),
    "b": frozenset({"clips"}),
    "train": frozenset({"a"}),
    "report": frozenset({"train", "b"}),
}


def test_the_graph_of_dvc_is_read() -> None:
    assert parse_graph(DOT) == {
        "clips": {"data/demo/dvc.yaml:demo"},
        "data/demo/dvc.yaml:demo": frozenset(),
        "extract@ir50": {"clips"},
    }
    assert parse_graph('digraph {\n"alone";\n}') == {"alone": frozenset()}


@pytest.mark.parametrize("jobs", [1, 2, 5])
def test_a_stage_begins_when_those_before_it_are_done(jobs: int) -> None:
    done: list[str] = []

    def reproduce(stage: str) -> bool:
        assert GRAPH[stage] <= set(done)
        done.append(stage)
        return True

    assert run_graph(GRAPH, reproduce, jobs=jobs) == ([], [])
    assert sorted(done) == sorted(GRAPH)


def test_independent_stages_run_side_by_side() -> None:
    both = threading.Barrier(2, timeout=30)

    def reproduce(stage: str) -> bool:
        if stage in "ab":
            both.wait()  # which one of them alone would never leave
        return True

    assert run_graph(GRAPH, reproduce, jobs=2) == ([], [])


def test_a_failing_stage_stops_those_that_need_it_and_no_other() -> None:
    begun: list[str] = []

    def reproduce(stage: str) -> bool:
        begun.append(stage)
        return stage != "a"

    assert run_graph(GRAPH, reproduce, jobs=2) == (["a"], ["report", "train"])
    assert sorted(begun) == ["a", "b", "clips"]


def test_an_interrupted_run_begins_no_further_stage() -> None:
    begun: list[str] = []

    def reproduce(stage: str) -> bool:
        begun.append(stage)
        if stage == "a":
            raise KeyboardInterrupt
        return True

    with pytest.raises(KeyboardInterrupt):
        run_graph({"a": frozenset(), "b": frozenset({"a"})}, reproduce, jobs=1)
    assert begun == ["a"]


def run_script(script: str, *, attempts: int = 3) -> tuple[bool, list[str]]:
    lines: dict[str, list[str]] = defaultdict(list)
    command = [sys.executable, "-c", script]
    done = run_stage(
        "s", command, environment={}, say=lambda stage, line: lines[stage].append(line), attempts=attempts, pause=0.0
    )
    return done, lines["s"]


def test_lines_of_a_stage_are_handed_on() -> None:
    script = "import sys; print('one', flush=True); print('two', file=sys.stderr); sys.exit(3)"
    assert run_script("print('one'); print(); print('two')") == (True, ["one", "two"])
    assert run_script(script) == (False, ["one", "two"])


def test_a_locked_repository_is_tried_again(tmp_path: Path) -> None:
    count = tmp_path / "count"
    script = (
        f"import sys; from pathlib import Path; p = Path({str(count)!r})\n"
        "n = len(p.read_text()) if p.exists() else 0; p.write_text((n + 1) * 'x')\n"
        f"n < 2 and sys.exit('ERROR: {BUSY}. Most likely another DVC process is running')\n"
        "print('done')"
    )
    assert run_script(script) == (True, ["done"])
    count.unlink()
    done, lines = run_script(script, attempts=2)
    assert not done
    assert lines[-1].startswith("error: another DVC process holds the repository's lock -> ")


def test_options_for_a_whole_repro_are_refused_with_jobs(affectflow: Call) -> None:
    answer = affectflow("run", "--jobs", "2", "--interactive")
    assert answer.code == 1
    assert "error: --jobs: --interactive is for a whole `dvc repro`" in answer.err
