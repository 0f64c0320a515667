"""`affectflow weights`: what is expected, whether it is there, and checksums put into params.yaml."""

import json
from pathlib import Path

import pytest

from pipeline.backbones.common.interface import available_backbones
from pipeline.cli.weights import published_weights, with_checksums
from pipeline.config import load
from pipeline.runtime.files import sha256_file
from tests.cli.calling import Call

ROOT = Path(__file__).parents[2]
PARAMS = """# my own comment
corpus: {kind: affwild2, root: corpus, index: index.csv}
backbones:                    # three of them
  ir50:
    weights: mine.pth         # trained by me
    batch: 8
  vggish: {weights: other.pth, batch: 256}   # in one line
  resnet50:
    seed: 3
    weights: random
models:
  visual: {fusion: unimodal, streams: [ir50, ir50], temporal: tcn}
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(PARAMS)
    (tmp_path / "mine.pth").write_bytes(b"mine")
    (tmp_path / "other.pth").write_bytes(b"other")
    return tmp_path


def states(affectflow: Call) -> dict[str, str]:
    return {one["backbone"]: one["state"] for one in json.loads(affectflow("weights", "--json").out)}


def test_checksums_are_written_and_nothing_else_changes(affectflow: Call, here: Path) -> None:
    assert states(affectflow) == {"ir50": "unchecked", "vggish": "unchecked", "resnet50": "random"}
    assert (here / "params.yaml").read_text() == PARAMS
    answer = affectflow("weights", "--write")
    assert answer.code == 0
    assert "params.yaml: 2 checksums written" in answer.out
    mine, other = sha256_file(here / "mine.pth"), sha256_file(here / "other.pth")
    text = (here / "params.yaml").read_text()
    assert text.replace(f"    sha256: {mine}\n", "").replace(f"sha256: {other}, ", "") == PARAMS
    backbones = load("params.yaml").backbones
    assert (backbones["ir50"].sha256, backbones["vggish"].sha256) == (mine, other)
    assert states(affectflow) == {"ir50": "right", "vggish": "right", "resnet50": "random"}
    assert "params.yaml: 0 checksums written" in affectflow("weights", "--write").out


def test_a_last_line_without_an_end(here: Path) -> None:
    text = "backbones:\n  ir50:\n    weights: mine.pth"
    assert with_checksums(text, {"ir50": "abc"}) == f"{text}\n    sha256: abc\n"


def test_what_differs_is_never_written_over(affectflow: Call, here: Path) -> None:
    affectflow("weights", "--write")
    before = (here / "params.yaml").read_text()
    (here / "mine.pth").write_bytes(b"changed")
    (here / "other.pth").unlink()
    answer = affectflow("weights", "--write")
    assert answer.code == 1
    assert "missing -> put the file there" in answer.out
    assert (here / "params.yaml").read_text() == before
    assert states(affectflow) == {"ir50": "different", "vggish": "missing", "resnet50": "random"}


def test_a_published_file_is_known_by_how_its_checksum_begins(affectflow: Call, here: Path) -> None:
    file = here / "data/weights/vggish-10086976.pth"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"another")
    (here / "params.yaml").write_text(PARAMS.replace("other.pth", "data/weights/vggish-10086976.pth"))
    assert states(affectflow)["vggish"] == "different"
    (here / "params.yaml").write_text(PARAMS.replace("other.pth", "random"))
    assert "data/weights/vggish-10086976.pth is there -> set" in affectflow("weights").out


def test_every_backbone_has_its_published_files_as_the_documentation_lists_them() -> None:
    known = published_weights()
    assert sorted(known) == sorted(available_backbones())
    lines = (ROOT / "docs/reproduce.md").read_text().splitlines()
    for name, files in known.items():
        for one in files:
            line = next(line for line in lines if line.startswith(f"| `{one.file}`"))
            assert f"`{name}`" in line
            assert one.trained_on in line
            assert one.sha256 in one.file
