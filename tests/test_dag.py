import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pipeline import dag
from pipeline.cache.code import import_closure, source_path
from pipeline.dag import code_files, read_stages, write_stages
from pipeline.errors import AffectflowError

ROOT = Path(__file__).parents[1]


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """The stages' files in a folder that may be edited; the code stays where it is."""
    for file in dag.FILES:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, tmp_path / file)
    for package in dag.PACKAGES:
        (tmp_path / package).symlink_to(ROOT / package)
    monkeypatch.setattr(dag, "_relative", _within)
    write_stages(tmp_path)
    return tmp_path


def _within(path: Path, base: Path, root: Path) -> str:
    return Path(os.path.relpath(root / path.relative_to(ROOT), base)).as_posix()


def stages_of(root: Path) -> dict:
    found = {}
    for file in dag.FILES:
        for name, stage in yaml.safe_load((root / file).read_text())["stages"].items():
            found[name] = stage.get("do", stage)
    return found


def test_the_repositorys_own_stages_are_up_to_date():
    stages = read_stages(ROOT)
    assert {"demo", "clips", "folds", "extract", "train", "evaluate", "report"} <= {stage.stage for stage in stages}
    for stage in stages:
        assert stage.present == stage.expected, f"{stage.stage}: run `affectflow deps --write`"


@pytest.mark.parametrize("entry", ["clips", "folds", "extract", "train", "evaluate", "finetune", "ensemble", "report"])
def test_every_module_that_a_stage_loads_is_in_its_closure(entry):
    """Python's own account of what an import loads, against the static one."""
    script = (
        f"import sys, stages.{entry}; print(*(m for m in sys.modules if m.split('.')[0] in ('pipeline', 'stages')))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert f"stages.{entry}" in loaded
    assert loaded <= set(import_closure(f"stages.{entry}"))


def test_modules_found_by_name_are_templated_and_their_imports_are_listed():
    files = {path.relative_to(ROOT).as_posix() for path in code_files("stages.train")}
    # Found by name and imported by no other: the template alone names it.
    assert "pipeline/fusion/gated_joint_cross_attention.py" not in files
    assert "pipeline/fusion/unimodal.py" not in files
    assert "pipeline/fusion/head.py" in files, "shared by the systems"
    train = stages_of(ROOT)["train"]["deps"]
    assert {"pipeline/fusion/${item.fusion}.py", "pipeline/temporal/${item.temporal}.py"} <= set(train)
    assert "pipeline/backbones/${key}.py" in stages_of(ROOT)["extract"]["deps"]


def test_data_files_that_a_module_names_count_as_code():
    files = {path.name for path in code_files("stages.report")}
    assert {"published.csv", "page.html"} <= files
    assert "style.css" in files, "the page names it, and no module does"


def test_package_files_of_a_docstring_alone_do_not_count():
    files = code_files("stages.train")
    assert files
    assert not [path for path in files if path.name == "__init__.py"]


def test_every_package_with_modules_found_by_name_is_known():
    """Whoever calls `import_module` with a name from params.yaml must be in `DYNAMIC`, or be exempt for a reason."""
    callers = {
        path.relative_to(ROOT).as_posix()
        for folder in dag.PACKAGES
        for path in (ROOT / folder).rglob("*.py")
        if "import_module(" in path.read_text()
    }
    known = {
        "pipeline/backbones/backbone.py",  # extract
        "pipeline/backbones/tuning/tunable.py",  # finetune
        "pipeline/training/build.py",  # train, evaluate
        "pipeline/compute/executor.py",  # the engine reaches no result
        "pipeline/compute/ray_engine.py",
        "pipeline/corpora/corpus.py",  # the index is read, not the corpus
        "pipeline/media/torchaudio_pure.py",  # a library
        "stages/_stage.py",  # checks parameters, reaches no result
    }
    assert callers == known


def lines_of(root: Path) -> list[str]:
    return (root / "dvc.yaml").read_text().splitlines()


def test_a_broken_file_is_mended_to_the_byte(clone):
    before = lines_of(clone)
    code = [line for line in before if line.strip().startswith(("- pipeline/", "- stages/")) and "$" not in line]
    assert len(code) > 50
    broken = [line for line in before if line not in code[::3]]
    kept = next(line for line in code if line in broken)
    position = broken.index(kept)
    broken.insert(position, kept[: kept.index("- ")] + "- pipeline/media/nothing.py")
    (clone / "dvc.yaml").write_text("\n".join(broken) + "\n")
    wrong = [stage for stage in read_stages(clone) if stage.missing or stage.superfluous]
    assert wrong
    assert "pipeline/media/nothing.py" in [path for stage in wrong for path in stage.superfluous]
    assert write_stages(clone)
    assert lines_of(clone) == before
    assert write_stages(clone) == []


def test_all_code_can_be_written_anew(clone):
    before = stages_of(clone)
    kept = [
        line for line in lines_of(clone) if not line.strip().startswith(("- pipeline/", "- stages/")) or "$" in line
    ]
    (clone / "dvc.yaml").write_text("\n".join(kept) + "\n")
    write_stages(clone)
    assert stages_of(clone) == before
    assert [line for line in lines_of(clone) if "#" in line] == [line for line in kept if "#" in line]


def test_order_and_repetition_are_mended(clone):
    before = lines_of(clone)
    positions = [number for number, line in enumerate(before) if line.strip() == "- pipeline/errors.py"]
    assert positions
    lines = list(before)
    first = positions[0]
    lines[first - 1], lines[first] = lines[first], lines[first - 1]
    lines.insert(first, lines[first])
    (clone / "dvc.yaml").write_text("\n".join(lines) + "\n")
    assert write_stages(clone)
    assert lines_of(clone) == before


def test_a_folder_without_stages_is_refused(tmp_path):
    with pytest.raises(AffectflowError, match=r"no dvc\.yaml.*root of a clone"):
        read_stages(tmp_path)


def test_code_of_another_clone_is_refused(tmp_path):
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    with pytest.raises(AffectflowError, match="make install"):
        read_stages(tmp_path)


def test_every_package_file_holds_a_docstring_only():
    inits = [path for package in dag.PACKAGES for path in (ROOT / package).rglob("__init__.py")]
    assert len(inits) > 5
    assert [path for path in inits if not dag._is_empty(path)] == []


def test_no_parameter_of_compute_is_a_dependency():
    for name, stage in stages_of(ROOT).items():
        for params in stage.get("params", []):
            assert "compute" not in str(params), name


def test_source_paths_are_the_repositorys():
    assert source_path("pipeline.dag") == ROOT / "pipeline" / "dag.py"
