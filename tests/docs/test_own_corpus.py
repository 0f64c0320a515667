"""docs/own_corpus.md, followed on rendered videos."""

import csv
from pathlib import Path

import pytest

from tests.dag.scratch import create
from tests.docs.pages import blocks, follow
from tests.miniatures import FRAMES, face_video, write_bytes, write_text

PAGE = "docs/own_corpus.md"
ROOT = "/data/interviews"


def write_trial(folder: Path, number: int, trial: str) -> None:
    write_bytes(folder / "video" / f"{trial}.mp4", face_video(number))
    rows = "".join(f"{0.5 * row:.1f},{(number + row) % 10}\n" for row in range(1 + FRAMES // 10))
    write_text(folder / "labels" / f"{trial}.csv", f"time,engagement\n{rows}")


@pytest.mark.slow
def test_a_corpus_of_ones_own_is_used_as_the_page_says(tmp_path: Path) -> None:
    project, folder = create(tmp_path / "project"), tmp_path / "interviews"
    (manifest,) = [block for block in blocks(PAGE) if block.language == "csv"]
    table = list(csv.DictReader(manifest.text.splitlines()))
    for number, row in enumerate(table):
        write_trial(folder, number, row["trial"])
    words = {
        f"root: {ROOT}": f"root: {folder}",
        # A reader's trials are longer, worth more epochs, and worth the start of workers.
        "window: 100 ": "window: 24 ",
        "hop: 50": "hop: 12",
        "epochs: 30": "epochs: 2",
        "numerics: native": "numerics: native, engine: serial",
    }
    steps = follow(PAGE, project, words=words)

    _, run = next(steps)
    assert run.computed["clips"] == len(table) == 6
    assert run.computed["train visual"] == 3
    page = (project.root / "reports" / "index.html").read_text()
    assert "Engagement in interviews" in page
    assert {path.stem for path in (project.root / "models").iterdir()} == {"visual", "audio", "concatenation"}

    # "A trial added later"
    write_trial(folder, 6, "zoe")
    with (project.root / manifest.title).open("a") as file:
        file.write("zoe,video/zoe.mp4,,labels/zoe.csv,,zoe\n")
    _, run = next(steps)
    assert run.computed["clips"] == run.computed["extract ir50"] == run.computed["extract vggish"] == 1
    assert next(steps, None) is None
