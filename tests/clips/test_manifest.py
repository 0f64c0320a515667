from pathlib import Path

import pytest

from pipeline.clips.alignment import describe
from pipeline.clips.manifest import ManifestRow, read_manifest, write_alignment, write_manifest, write_rejected
from pipeline.runtime.errors import InputError, Problem

ROWS = (
    ManifestRow("a", "train", "s", 29.97, 100, 90, 80, 3.336563, "ab", "cd"),
    ManifestRow("b,c", "test", "s", 25.0, 50, 0, 50, 2.0, "ef", "01", "audio_44100:5 faces_112:6"),
)


def test_round_trip_sorted_by_trial(tmp_path: Path) -> None:
    write_manifest(tmp_path / "one.csv", ROWS)
    write_manifest(tmp_path / "two.csv", reversed(ROWS))
    assert read_manifest(tmp_path / "one.csv") == ROWS
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()


def test_a_features_content_is_what_it_looks_at() -> None:
    plain, further = ROWS
    for datasets in (frozenset({"faces"}), frozenset({"audio"})):
        assert plain.content(datasets) == plain.media
        assert further.content(datasets) == further.media
    assert further.content({"faces_112"}) == "01 faces_112:6"
    assert further.content({"faces_112", "faces", "audio_44100"}) == "01 audio_44100:5 faces_112:6"
    # The clip's own faces are of that size.
    assert plain.content({"faces_112"}) == plain.media


def test_a_missing_and_a_foreign_manifest(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"manifest\.csv: missing -> run"):
        read_manifest(tmp_path / "manifest.csv")
    (tmp_path / "manifest.csv").write_text("trial\na\n")
    with pytest.raises(InputError, match=r"manifest\.csv:1: the header is not trial,partition"):
        read_manifest(tmp_path / "manifest.csv")


def test_alignment_in_words(tmp_path: Path) -> None:
    records = {
        "b": describe(None, [1], frames=1).as_dict(),
        "a": {**describe(None, [1], frames=3, notes=("late",)).as_dict(), "clock": "container"},
    }
    write_alignment(tmp_path / "alignment.csv", records)
    assert (tmp_path / "alignment.csv").read_text() == (
        "trial,frames,label_rows,images,done\na,3,,1,2 frames without a face image masked; late\nb,1,,1,nothing\n"
    )


def test_rejected(tmp_path: Path) -> None:
    write_rejected(tmp_path / "none.csv", {})
    assert (tmp_path / "none.csv").read_text() == "trial,file,row,message,remedy\n"
    problems = [Problem("bad, very", file="x.txt", row=3, remedy="mend"), Problem("worse")]
    write_rejected(tmp_path / "some.csv", {"a": problems})
    assert (tmp_path / "some.csv").read_text().splitlines()[1:] == ['a,x.txt,3,"bad, very",mend', "a,,,worse,"]
