import ast
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.runtime import code as module
from pipeline.runtime.code import code_key, import_closure, source_path

Write = Callable[[str, str], None]

SOURCE = '''"""What it is."""

import os
from toy.part.other import helper

RATE = 16_000
"""Hertz."""


class Thing:
    """A thing."""

    def size(self, x):
        """Return the size."""
        # Twice, because.
        return helper(x) * 2 + RATE


def folder():
    import toy.late

    return os.sep
'''


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """A package `toy` of a few modules, and a function that writes one of them."""
    monkeypatch.setattr(module, "PACKAGES", ("toy",))
    monkeypatch.syspath_prepend(tmp_path)

    def write(name: str, text: str) -> None:
        path = tmp_path / "toy" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        forget()

    write("__init__.py", '"""Toy."""\n')
    write("main.py", SOURCE)
    write("part/__init__.py", "")
    write("part/other.py", "from toy.part import deep\n\n\ndef helper(x):\n    return x\n")
    write("part/deep.py", "DEEP = 1\n")
    write("late.py", "LATE = 1\n")
    write("unused.py", "UNUSED = 1\n")
    yield write
    forget()


def forget() -> None:
    for function in (module._find, module._imports, module._normalised, module._code):
        function.cache_clear()


def test_the_closure_goes_through_packages_and_into_functions(toy: Write) -> None:
    assert import_closure("toy.main") == (
        "toy",
        "toy.late",
        "toy.main",
        "toy.part",
        "toy.part.deep",
        "toy.part.other",
    )
    assert import_closure("toy.late", "toy.part.deep") == ("toy", "toy.late", "toy.part", "toy.part.deep")


def test_circular_imports_end(toy: Write) -> None:
    toy("part/deep.py", "import toy.main\n")
    assert "toy.main" in import_closure("toy.part.deep")


def test_a_name_that_is_no_module_is_not_followed(toy: Write) -> None:
    toy("late.py", "from toy.part.other import helper, deep\nimport numpy\n")
    assert import_closure("toy.late") == ("toy", "toy.late", "toy.part", "toy.part.deep", "toy.part.other")
    with pytest.raises(ModuleNotFoundError, match=r"toy\.nothing"):
        import_closure("toy.nothing")


def reformat(text: str) -> str:
    """Lose every comment and blank line, and lay the rest out differently."""
    return ast.unparse(ast.parse(text))


HARMLESS = {
    "a comment": lambda text: text.replace("# Twice, because.", "# Twice."),
    "a docstring": lambda text: text.replace("Return the size.", "Return its size."),
    "no docstring": lambda text: text.replace('        """Return the size."""\n', ""),
    "the text below a constant": lambda text: text.replace("Hertz.", "In hertz."),
    "a reformat": reformat,
    "the way a number is written": lambda text: text.replace("16_000", "16000"),
}
HARMFUL = {
    "a constant": lambda text: text.replace("16_000", "16_001"),
    "an operator": lambda text: text.replace("* 2", "** 2"),
    "a name": lambda text: text.replace("RATE", "HERTZ"),
    "an import": lambda text: text.replace("    import toy.late\n", "    import toy.unused\n"),
    "a text that is used": lambda text: text.replace("os.sep", "'Hertz.'"),
}


@pytest.mark.parametrize("edit", HARMLESS.values(), ids=list(HARMLESS))
def test_what_changes_nothing_leaves_the_key(toy: Write, edit: Callable[[str], str]) -> None:
    before = code_key("toy.main")
    assert edit(SOURCE) != SOURCE
    toy("main.py", edit(SOURCE))
    assert code_key("toy.main") == before


@pytest.mark.parametrize("edit", HARMFUL.values(), ids=list(HARMFUL))
def test_what_changes_something_changes_the_key(toy: Write, edit: Callable[[str], str]) -> None:
    before = code_key("toy.main")
    assert edit(SOURCE) != SOURCE
    toy("main.py", edit(SOURCE))
    assert code_key("toy.main") != before


@given(first=st.integers() | st.floats(allow_nan=False), second=st.integers() | st.floats(allow_nan=False))
def test_a_changed_number_always_changes_the_tree(first: float, second: float) -> None:
    keys = [module._normalised(f"RATE = {value!r}\n".encode()) for value in (first, second)]
    assert (keys[0] == keys[1]) == (repr(first) == repr(second))


def test_a_change_far_down_changes_the_key(toy: Write) -> None:
    before = code_key("toy.main")
    toy("unused.py", "UNUSED = 2\n")
    assert code_key("toy.main") == before
    toy("part/deep.py", "DEEP = 2\n")
    assert code_key("toy.main") != before


def test_modules_that_compute_nothing_do_not_count(toy: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CARRIERS", frozenset({"toy.part.deep"}))
    before = code_key("toy.main")
    toy("part/deep.py", "DEEP = 2\n")
    assert code_key("toy.main") == before


def test_this_projects_modules_are_found() -> None:
    root = Path(__file__).parents[2]
    assert source_path("pipeline.runtime.code") == root / "pipeline" / "runtime" / "code.py"
    assert source_path("pipeline.runtime") == root / "pipeline" / "runtime" / "__init__.py"
    closure = import_closure("stages.train")
    assert {"stages.train", "pipeline.runtime.stage", "pipeline.runtime.items"} <= set(closure)


def test_every_carrier_exists() -> None:
    assert module.CARRIERS
    for name in module.CARRIERS:
        assert source_path(name).is_file()


def test_the_key_is_the_same_in_every_process() -> None:
    script = "from pipeline.runtime.code import code_key; print(code_key('pipeline.runtime.items'))"
    answers = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={"PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert answers == {code_key("pipeline.runtime.items")}
