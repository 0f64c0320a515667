"""A scratch project with a tiny corpus and its index, in which the first stages can run."""

from pathlib import Path

import pytest

from pipeline.corpora.config import AffWild2Config
from pipeline.readers.index import build_index, write_index
from tests.corpus_factory import SERIAL, SIZE, memory_in, write_corpus

PARAMS = """
corpus: {{kind: affwild2, root: corpus, index: index.csv, image_size: {size}}}
clips: {{face_size: 40, sample_rate: 8000, on_error: {on_error}}}
folds: {{scheme: {scheme}, count: {count}}}
backbones:
  ir50: {{weights: random}}
models:
  visual: {{fusion: unimodal, streams: [ir50, ir50], temporal: tcn}}
compute: {{engine: serial, device: cpu}}
"""


def start_project(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write corpus, index and params.yaml into `folder`, make it the current directory and give it a cache."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("AFFECTFLOW_CACHE", str(folder / "cache"))
    write_corpus(folder / "corpus")
    write_params()
    index()
    return folder


def write_params(*, on_error: str = "fail", scheme: str = "subject", count: int = 3) -> None:
    text = PARAMS.format(size=SIZE, on_error=on_error, scheme=scheme, count=count)
    Path("params.yaml").write_text(text)


def index() -> None:
    config = AffWild2Config(kind="affwild2", root="corpus", index="index.csv", image_size=SIZE)
    write_index(Path("index.csv"), build_index(config, memory=memory_in(Path()), executor=SERIAL))


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
