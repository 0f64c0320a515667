"""Stage `demo`: seed and sizes -> a corpus of rendered media files in Aff-Wild2's layout, and its index."""

from pathlib import Path

from pipeline.corpora.config import AffWild2Config
from pipeline.demo.config import load
from pipeline.demo.render import render_corpus
from pipeline.readers import affwild2  # noqa: F401 - the index finds this reader by name; the stage depends on it
from pipeline.readers.index import build_index, write_index
from pipeline.readers.memory import FileMemory
from pipeline.runtime.executor import Executor
from pipeline.runtime.files import replacing
from pipeline.runtime.stage import run_stage

PARAMS = Path("data/demo/params.yaml")
CORPUS = Path("data/demo/corpus")
INDEX = Path("data/demo/index.csv")


def main() -> None:
    """Render beside the earlier corpus, read it all once, and only then take its place."""
    config = load(PARAMS)
    executor = Executor()
    with replacing(CORPUS) as fresh:
        render_corpus(config, fresh, executor)
        corpus = AffWild2Config(kind="affwild2", root=str(fresh), index=str(INDEX), image_size=config.crop_size)
        rows = build_index(corpus, memory=FileMemory(), executor=executor)
    write_index(INDEX, rows)


if __name__ == "__main__":
    run_stage(main)
