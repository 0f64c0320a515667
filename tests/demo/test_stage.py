from pathlib import Path

import pytest

from pipeline.corpora.index_table import read_index
from pipeline.demo import render
from pipeline.runtime.errors import AffectflowError
from pipeline.runtime.executor import Executor
from stages import demo

PARAMS = """\
demo:
  seed: 3
  trials: {train: 1, validation: 1, test: 1}
  seconds: 2
  picture: {width: 96, height: 96}
  crop_size: 48
  sample_rate: 16000
  latent_period: 2
  noise: {visual: {valence: 0.6, arousal: 1}, audio: {valence: 1, arousal: 0.6}}
  useless_share: 0
"""


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "data/demo").mkdir(parents=True)
    (tmp_path / demo.PARAMS).write_text(PARAMS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AFFECTFLOW_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(demo, "Executor", lambda: Executor(engine="serial"))
    return tmp_path


def files(root: Path) -> dict[str, bytes]:
    found = (path for path in (root / "data").rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in found}


def test_a_run_writes_corpus_and_index_and_a_second_the_same_bytes(repository: Path) -> None:
    demo.main()
    first = files(repository)
    assert [row.partition for row in read_index(demo.INDEX)] == ["validation", "test", "train"]
    demo.main()
    assert files(repository) == first


def test_a_failing_run_leaves_the_earlier_results(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    demo.main()
    first = files(repository)

    def fail(*_: object, **__: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(render, "write_video", fail)
    with pytest.raises(AffectflowError, match="video5: disk full"):
        demo.main()
    assert files(repository) == first
