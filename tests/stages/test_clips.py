import csv
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.clips.clip import read_clip
from pipeline.clips.further_datasets import read_further
from pipeline.clips.manifest import read_manifest
from pipeline.runtime import materialise
from pipeline.runtime.errors import InputError
from stages import clips
from tests.corpus_factory import FRAMES, SIZE, TEST, TRAIN, VALIDATION, crop_bytes, write_trial
from tests.media_factory import picture
from tests.stages.project import index, start_project, tree, write_params

TRIALS = sorted(TRAIN + VALIDATION + TEST)
OUT = Path("data/clips")


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return start_project(tmp_path, monkeypatch)


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The trials that are really built, in order."""
    names: list[str] = []
    original = materialise.materialise

    def recording(*args: object, **kwargs: object) -> object:
        done = original(*args, **kwargs)  # type: ignore[arg-type]
        names.extend(done.computed)
        return done

    monkeypatch.setattr(clips, "materialise", recording)
    return names


def table(name: str) -> list[dict[str, str]]:
    with (OUT / name).open(newline="") as file:
        return list(csv.DictReader(file))


def spoil(trial: str) -> None:
    """Damage a crop where the index does not look: behind its header."""
    data = picture(SIZE, suffix=".png")
    Path(f"corpus/cropped_aligned/{trial}/00001.jpg").write_bytes(data[:40] + bytes(20) + data[60:])


def test_what_comes_out() -> None:
    write_trial(Path("corpus"), "7", "Train_Set", video="7", rows=FRAMES + 2)
    index()
    clips.main()
    assert sorted(path.name for path in OUT.iterdir()) == sorted(
        [*(f"{trial}.h5" for trial in TRIALS), "manifest.csv", "alignment.csv", "rejected.csv", "settings.json"]
    )
    rows = read_manifest(OUT / "manifest.csv")
    assert [row.trial for row in rows] == TRIALS
    for row in rows:
        clip = read_clip(OUT / f"{row.trial}.h5")
        assert (row.partition, row.subject, row.frames) == (clip.partition, clip.subject, len(clip))
        assert (row.digest, row.media) == (clip.digest(), clip.media_digest())
        assert clip.faces.shape == (FRAMES, 40, 40, 3)
        assert clip.sample_rate == 8000
    done = {row["trial"]: row["done"] for row in table("alignment.csv")}
    assert list(done) == TRIALS
    assert done["7"] == "2 label rows past the last frame left out"
    assert done["video4"] == "nothing"
    assert table("rejected.csv") == []


def test_only_what_changed_is_built_again(built: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    clips.main()
    assert sorted(built) == TRIALS
    first = tree(OUT)
    built.clear()
    clips.main()
    assert built == []
    assert tree(OUT) == first
    Path("corpus/cropped_aligned/7/00001.jpg").write_bytes(crop_bytes(8))
    write_trial(Path("corpus"), "new", "Train_Set", video="new")
    Path("corpus/annotations/VA_Set/Validation_Set/11.txt").unlink()
    index()
    clips.main()
    assert sorted(built) == ["7", "new"]
    second = tree(OUT)
    assert {name for name in first if second.get(name) != first[name]} == {
        "7.h5",
        "11.h5",
        "manifest.csv",
        "alignment.csv",
    }
    assert "11.h5" not in second
    # A cold cache gives the same bytes.
    monkeypatch.setenv("AFFECTFLOW_CACHE", "other-cache")
    clips.main()
    assert tree(OUT) == second


def test_a_trial_that_moves_to_another_partition(built: list[str]) -> None:
    clips.main()
    built.clear()
    labels = Path("corpus/annotations/VA_Set")
    (labels / "Train_Set/7.txt").rename(labels / "Validation_Set/7.txt")
    index()
    clips.main()
    # Its contents, and so its digest, are the same; its clip is not.
    assert built == ["7"]
    assert {row.trial: row.partition for row in read_manifest(OUT / "manifest.csv")}["7"] == "validation"
    assert read_clip(OUT / "7.h5").partition == "validation"


def test_a_damaged_trial_stops_the_stage_and_leaves_the_earlier_clips(built: list[str]) -> None:
    clips.main()
    before = tree(OUT)
    built.clear()
    for trial in ("7", "video4"):
        spoil(trial)
    write_trial(Path("corpus"), "new", "Train_Set", video="new")
    index()
    with pytest.raises(InputError) as caught:
        clips.main()
    assert {problem.trial for problem in caught.value.problems} == {"7", "video4"}
    assert tree(OUT) == before
    assert sorted(path.name for path in OUT.parent.iterdir()) == ["clips", "items"]
    # The others were finished all the same.
    for trial in ("7", "video4"):
        write_trial(Path("corpus"), trial, None, video=trial)
    index()
    clips.main()
    assert "new" not in built


def test_skip_lists_what_was_refused_and_goes_on() -> None:
    write_params(on_error="skip")
    spoil("7")
    index()
    clips.main()
    assert [row.trial for row in read_manifest(OUT / "manifest.csv")] == [trial for trial in TRIALS if trial != "7"]
    assert not (OUT / "7.h5").exists()
    rejected = table("rejected.csv")
    assert {row["trial"] for row in rejected} == {"7"}
    assert rejected[0]["file"] == "corpus/cropped_aligned/7/00001.jpg"
    assert "cannot be decoded" in rejected[0]["message"]


@pytest.mark.parametrize("name", ["../../escaped", "/tmp/escaped", "7/../../escaped"])
def test_no_clip_is_written_outside_its_item(project: Path, name: str) -> None:
    table = Path("index.csv")
    lines = table.read_text().splitlines()
    row = next(number for number, line in enumerate(lines) if line.startswith("7,"))
    lines[row] = name + lines[row].removeprefix("7")
    table.write_text("\n".join(lines) + "\n")
    before = tree(project)
    with pytest.raises(InputError, match=rf"index\.csv:{row + 1}: trial '{name}' is no name for a file"):
        clips.main()
    assert tree(project) == before
    assert not list(project.parent.rglob("escaped*"))
    assert not Path("/tmp/escaped.h5").exists()


def test_a_corpus_newer_than_its_index() -> None:
    Path("corpus/cropped_aligned/7/00001.jpg").write_bytes(crop_bytes(8))
    with pytest.raises(InputError, match=r"trial 7: its files are not those .* -> run `affectflow index`"):
        clips.main()


def ask_for(*, sizes: list[int], rates: list[int]) -> None:
    write_params()
    path = Path("params.yaml")
    others = f"on_error: fail, other_face_sizes: {sizes}, other_sample_rates: {rates}"
    path.write_text(path.read_text().replace("on_error: fail", others))


def test_further_sizes_and_rates_leave_the_rest_of_a_clip_alone(built: list[str]) -> None:
    clips.main()
    plain = read_manifest(OUT / "manifest.csv")
    assert {row.further for row in plain} == {""}
    ask_for(sizes=[], rates=[])
    clips.main()
    assert built == TRIALS
    ask_for(sizes=[64, 56], rates=[16000])
    clips.main()
    assert built == [*TRIALS, *TRIALS]
    rows = read_manifest(OUT / "manifest.csv")
    assert [row.media for row in rows] == [row.media for row in plain]
    for row in rows:
        clip = read_clip(OUT / f"{row.trial}.h5")
        assert read_further(row.further) == clip.other_digests()
        assert sorted(clip.other_faces) == [56, 64]
        assert sorted(clip.other_audio) == [16000]
    # Their order does not count.
    ask_for(sizes=[56, 64], rates=[16000])
    clips.main()
    assert built == [*TRIALS, *TRIALS]


def test_nothing_left() -> None:
    write_params(on_error="skip")
    for path in Path("corpus/cropped_aligned").glob("*/00001.jpg"):
        path.unlink()
    with pytest.raises(InputError, match=f"no clip could be built: {len(TRIALS)} problems"):
        clips.main()
    assert not OUT.exists()


@pytest.mark.slow
def test_the_command() -> None:
    def run() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "stages.clips"]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    assert run().returncode == 0
    assert len(read_manifest(OUT / "manifest.csv")) == len(TRIALS)
    Path("corpus/raw_videos/7.mp4").write_bytes(b"x")
    # The cached clip of an indexed digest would do; a changed parameter needs the file again.
    Path("params.yaml").write_text(Path("params.yaml").read_text().replace("face_size: 40", "face_size: 41"))
    failed = run()
    assert failed.returncode == 1
    assert "trial 7: its files are not those that the corpus index describes" in failed.stderr
    assert "Traceback" not in failed.stderr
