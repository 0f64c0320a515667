"""Every command of the documentation: what it names exists, and a test runs it, or it is on record why none can."""

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from dvc.cli import parse_args

from pipeline.cli.app import app
from tests.dag.scratch import Scratch
from tests.docs.pages import ROOT, consoles

PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/*.md", "data/**/*.md")
    for path in ROOT.glob(pattern)
    if path.name != "CHANGELOG.md"
)

FOLLOWED = {
    "docs/own_backbone.md": "tests/docs/test_own_backbone.py",
    "docs/own_corpus.md": "tests/docs/test_own_corpus.py",
    "docs/own_fusion.md": "tests/docs/test_own_fusion.py",
    "docs/teams.md": "tests/teams/team.py",
    "docs/tutorial.md": "tests/docs/test_tutorial.py",
}
"""Pages with a test that does what they say, from their first command to their last."""

RUN = (
    "affectflow preset affwild2-rjca",
    "affectflow validate",
    "affectflow index",
    "affectflow run",
    "affectflow status",
    "dvc repro",
    "dvc repro extract@ir50 extract@vggish",
    "dvc repro data/demo/dvc.yaml",
)
"""Commands that are run below: presets are written over the demo's, the others run in a project with results."""

SERVES = "it serves until it is ended: tests/cli/test_show.py starts it and ends it"
CI, LONG, DEVICE = ".ci/run does, in a fresh clone", "hours of training", "the machine's own environment"
PREDICT = "tests/inference predicts videos of its own, with the same options"
NOT_RUN = {
    "make repro": CI,
    "make test": CI,
    "make install": CI,
    "affectflow init table --root DIR --force": "tests/cli/test_init.py runs it on a folder of its own",
    "source .venv/bin/activate": DEVICE,
    ".venv/bin/affectflow doctor": "the same command runs without the folder's name, in the tutorial",
    "pre-commit install": "tests/test_packaging.py validates what it installs",
    "git clone REPOSITORY affectflow && cd affectflow": "tests/teams clones a repository of its own",
    'pytest -m "not slow" -n logical': CI,
    "pytest tests/fusion": CI,
    "pytest -m browser": CI,
    "affectflow show video18": SERVES,
    "affectflow show video18 --no-browser --port 8123": SERVES,
    "pytest -m slow tests/dag": CI,
    "pytest -m slow tests/faults": CI,
    "ruff check . && ruff format . && mypy": CI,
    "rm -rf .venv && sed -i '/==/d' constraints.txt": DEVICE,
    ".venv/bin/pip install -e '.[dev,docs,ray,s3,ssh]'": DEVICE,
    ".venv/bin/pip freeze --exclude-editable | sed 's/+cpu$//' >> constraints.txt": DEVICE,
    'git tag -a v0.1.0 -m "affectflow 0.1.0"': "a release of this repository",
    "python -m tests.numerics.probe": "tests/numerics/test_portable.py calls it",
    "python -m tests.numerics.probe --write": "it would overwrite the record",
    "affectflow predict interview.mp4 --model grjca": PREDICT,
    "affectflow predict interview.mp4 --model grjca --overlay": PREDICT,
    "affectflow predict recordings/ --model grjca --overlay --out results": PREDICT,
    "affectflow pack grjca": PREDICT,
    "affectflow predict talk.mkv --model grjca.affectflow": PREDICT,
    "python -m benchmarks.gating": LONG,
    "python -m benchmarks.initialisation": LONG,
    "python -m benchmarks.complementarity": LONG,
    "dvc push": "docs/gpu.md repeats a command of docs/teams.md, where tests/teams runs it",
}
"""Commands that no test can run, and why; a real corpus, a GPU or the network would be other reasons."""


def plain(command: str) -> str:
    """Return a command without its comment."""
    return re.sub(r"\s+#\s.*", "", command, flags=re.DOTALL).strip()


def typed() -> Iterator[tuple[str, str]]:
    """Yield every command of a console block of a page without a test of its own."""
    for page in PAGES:
        if page not in FOLLOWED:
            yield from ((page, plain(command)) for block in consoles(page) for command in block.commands)


def mentioned() -> Iterator[tuple[str, str]]:
    """Yield every command of all pages: of console blocks, and in the text."""
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        yield from ((page, plain(command)) for block in consoles(page) for command in block.commands)
        prose = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
        for span in re.findall(r"`([^`]+)`", prose):
            if re.match(r"(affectflow|dvc|make|python -m|pytest|pip) \S", span):
                yield page, " ".join(span.split())


def test_every_command_is_run_or_on_record() -> None:
    unknown = [(page, command) for page, command in typed() if command not in RUN and command not in NOT_RUN]
    assert unknown == [], "add them to RUN, or to NOT_RUN with the reason, or follow the page in a test of its own"
    assert set(RUN) | set(NOT_RUN) == {command for _, command in typed()}, "a record of a command that no page has"
    assert not set(RUN) & set(NOT_RUN)


@pytest.mark.parametrize("page", FOLLOWED)
def test_a_page_that_is_followed_names_its_test(page: str) -> None:
    assert f'PAGE = "{page}"' in (ROOT / FOLLOWED[page]).read_text()
    assert consoles(page)


def test_no_commands_hide_in_blocks_of_another_kind() -> None:
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        assert not re.findall(r"^```(?:bash|shell|sh)\n", text, flags=re.MULTILINE), page
        assert not re.findall(r"^ {4,}(?:\$ |affectflow|dvc|make|python -m|pip) ", text, flags=re.MULTILINE), page
        for block in consoles(page):
            assert re.match(r"[$>] \S", block.text), f"{page}: a console begins with a prompt\n{block.text}"


def test_every_command_names_what_exists() -> None:
    commands = sorted(set(mentioned()))
    assert len(commands) > 60
    problems = []
    for page, command in commands:
        for part in re.split(r"&&|\||;|\n", command):
            try:
                words = shlex.split(part)
            except ValueError:
                words = []
            while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):
                del words[0]
            problem = _problem([word for word in words if word != "..."])
            if problem:
                problems.append(f"{page}: {command}: {problem}")
    assert problems == []


def _problem(words: list[str]) -> str | None:
    """Say what a command names that does not exist."""
    match words:
        case ["affectflow", *arguments]:
            return _affectflow(typer.main.get_command(app), arguments)
        case ["dvc", *arguments]:
            return _dvc(arguments)
        case ["make", target, *_]:
            return (
                None if re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE) else "no such target"
            )
        case ["python", "-m", module, *_]:
            return None if _is_module(module) else "no such module"
        case ["pytest", *arguments]:
            paths = [argument for argument in arguments if argument.startswith("tests")]
            # What a page adds is not there yet.
            return None if all((ROOT / path).parent.is_dir() for path in paths) else "no such test"
        case ["pip" | ".venv/bin/pip", "install", "-e", place, *_]:
            extras = re.findall(r"\w+", place)
            known = re.findall(r"^(\w+) = \[", (ROOT / "pyproject.toml").read_text(), flags=re.MULTILINE)
            return None if set(extras) <= set(known) else "no such extra"
        case _:
            return None


def _affectflow(command: Any, arguments: list[str]) -> str | None:
    path = ["affectflow"]
    while hasattr(command, "commands") and arguments and not arguments[0].startswith("-"):
        name, *arguments = arguments
        if name.isupper():
            return None
        if name not in command.commands:
            return f"{' '.join(path)} has no command {name}"
        command = command.commands[name]
        path.append(name)
    named = [(*parameter.opts, *parameter.secondary_opts) for parameter in command.params]
    known = {option for options in named for option in options} | {"--help"}
    if command.context_settings.get("ignore_unknown_options"):
        return None
    unknown = [word for word in arguments if word.startswith("--") and word.partition("=")[0] not in known]
    return f"{' '.join(path)} has no {unknown[0]}" if unknown else None


def _dvc(arguments: list[str]) -> str | None:
    """Parse a command as DVC does; in a text its last arguments may be left out."""
    problem = ""
    for more in ([], ["x"], ["x", "y"]):
        try:
            parse_args([*arguments, *more])
        except SystemExit:
            problem = "dvc refuses its arguments"
        except Exception as error:
            problem = f"dvc: {error}"
        else:
            return None
    return problem


def _is_module(name: str) -> bool:
    place = ROOT / name.replace(".", "/")
    return place.with_suffix(".py").is_file() or (place / "__main__.py").is_file()


def test_what_does_not_exist_is_noticed() -> None:
    assert _problem(["affectflow", "prest"])
    assert _problem(["affectflow", "preset", "demo", "--ful"])
    assert _problem(["affectflow", "cache", "prune", "--days", "30"]) is None
    assert _problem(["dvc", "repor"])
    assert _problem(["dvc", "exp", "run", "--tmep"])
    assert _problem(["make", "reproduce"])
    assert _problem(["python", "-m", "benchmarks.gatings"])
    assert _problem(["pip", "install", "-e", ".[docs,gpu]"])


@pytest.mark.slow
def test_commands_run(scratch: Scratch) -> None:
    own = (scratch.root / "params.yaml").read_text()
    for command in RUN:
        if " preset " in command:
            shutil.copy(ROOT / "presets" / "demo.yaml", scratch.root / "params.yaml")
            scratch("bash", "-c", command)
            name = command.split()[-1]
            assert (scratch.root / "params.yaml").read_text() == (ROOT / "presets" / f"{name}.yaml").read_text()
            (scratch.root / "params.yaml").write_text(own)
        else:
            run = scratch("bash", "-c", command)
            assert run.ran <= {"data/demo/dvc.yaml:demo"}, f"{command}: there was nothing to do"


def test_pages_are_found() -> None:
    assert {"README.md", "CONTRIBUTING.md", "data/README.md", "docs/teams.md"} <= set(PAGES)
    assert all(Path(ROOT / page).is_file() for page in PAGES)
