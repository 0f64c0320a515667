"""What was imported is noted, so that an edit during a run cannot pass for the code of the key."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package in the place of `stages`, and how its one module begins."""
    folder = tmp_path / "stages"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "work.py").write_text("VALUE = 1\n")
    return folder


def run(package: Path, code: str) -> list[str]:
    """Run code that has noted what it imports; return what it prints, by lines."""
    root = Path(__file__).parents[2]
    preamble = (
        f"import sys; sys.path[:0] = [{str(package.parent)!r}, {str(root)!r}]\n"
        "from pathlib import Path\n"
        "from pipeline.runtime.loaded import SOURCES, note_sources\n"
        "note_sources(); note_sources()\n"
        "from pipeline.runtime.code import Code, changed_since_loaded\n"
        f"work = Path({str(package / 'work.py')!r})\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", preamble + textwrap.dedent(code)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_an_edit_that_is_put_back_is_seen(package: Path) -> None:
    lines = run(
        package,
        """
        code = Code.of("stages.work")
        original = work.read_text()
        work.write_text("VALUE = 2\\n")
        import stages.work
        work.write_text(original)
        print(stages.work.VALUE, SOURCES["stages.work"].decode().strip(), changed_since_loaded())
        try:
            code.check()
        except Exception as error:
            print(error)
        """,
    )
    assert lines[0] == "2 VALUE = 2 ('stages.work',)"
    assert "edited while it ran" in lines[1]


def test_an_edit_after_the_import_changes_no_item_and_is_seen_by_the_stage(package: Path) -> None:
    lines = run(
        package,
        """
        code = Code.of("stages.work")
        import stages.work
        work.write_text("VALUE = 2\\n")
        code.check()
        print(changed_since_loaded())
        work.unlink()
        print(changed_since_loaded())
        """,
    )
    assert lines == ["('stages.work',)", "('stages.work',)"]


def test_a_comment_is_no_change(package: Path) -> None:
    lines = run(
        package,
        """
        code = Code.of("stages.work")
        work.write_text('"What it is."\\nVALUE = 1  # hertz\\n')
        import stages.work
        code.check()
        work.write_text("VALUE = 1\\n")
        print(changed_since_loaded())
        """,
    )
    assert lines == ["()"]


def test_a_compiled_file_of_another_time_is_not_used(package: Path) -> None:
    lines = run(
        package,
        """
        import os, py_compile
        work.write_text("VALUE = 7\\n")
        stat = work.stat()
        py_compile.compile(str(work))
        work.write_text("VALUE = 8\\n")
        os.utime(work, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        import stages.work
        print(stages.work.VALUE)
        """,
    )
    assert lines == ["8"]
