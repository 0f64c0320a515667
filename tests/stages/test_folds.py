from pathlib import Path

import pytest

from pipeline.clips.manifest import ManifestRow, write_manifest
from pipeline.evaluation.folds import read_folds
from pipeline.runtime.errors import InputError
from stages import folds
from tests.stages.project import write_params

OUT = Path("data/folds.json")


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("data/clips").mkdir(parents=True)
    partitions = ["train"] * 6 + ["validation"] * 2 + ["test"]
    rows = [
        ManifestRow(f"t{number}", partition, f"s{number // 2}", 25.0, 100, 90, 90, 4.0, "a", "b", "c")  # type: ignore[arg-type]
        for number, partition in enumerate(partitions)
    ]
    write_manifest(Path("data/clips/manifest.csv"), rows)


def test_the_scheme_of_params(tmp_path: Path) -> None:
    write_params(scheme="abaw", count=3)
    folds.main()
    written = read_folds(OUT)
    assert written.scheme == "abaw"
    assert [fold.validation for fold in written.folds] == [("t6", "t7"), ("t3", "t4", "t5"), ("t0", "t1", "t2")]
    assert written.test == ("t8",)
    first = OUT.read_bytes()
    folds.main()
    assert OUT.read_bytes() == first
    write_params(scheme="subject", count=3)
    folds.main()
    assert [fold.validation for fold in read_folds(OUT).folds] == [
        ("t6", "t7"),
        ("t2", "t3"),
        ("t0", "t1", "t4", "t5"),
    ]


def test_a_failure_leaves_the_earlier_folds() -> None:
    write_params(count=3)
    folds.main()
    before = OUT.read_bytes()
    write_params(count=9)
    with pytest.raises(InputError, match="3 subjects in the partition train for 8 groups"):
        folds.main()
    assert OUT.read_bytes() == before
    assert sorted(path.name for path in OUT.parent.iterdir()) == ["clips", "folds.json"]
