import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.clips.clip import read_clip
from pipeline.clips.further_datasets import read_further
from pipeline.clips.target import targets_of
from pipeline.corpora.digest import digest_file, trial_digest
from pipeline.ingest.build import SUMMARY, ClipPayload, assemble_clip, build_clip
from pipeline.media.images import decode_sizes
from pipeline.readers.index import build_index
from pipeline.runtime.code import import_closure
from pipeline.runtime.errors import InputError
from tests.corpus_factory import (
    FRAMES,
    SERIAL,
    config_of,
    crop_bytes,
    labels_text,
    memory_in,
    write_corpus,
    write_trial,
)
from tests.media_factory import damage, write_video


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_corpus(tmp_path / "corpus")
    return tmp_path / "corpus"


def payload_of(root: Path, trial: str, **changes: object) -> ClipPayload:
    config = config_of(root)
    rows = build_index(config, memory=memory_in(root.parent), executor=SERIAL)
    row = {row.trial: row for row in rows}[trial]
    payload = ClipPayload(
        trial=row.locate(root),
        digest=row.digest,
        targets=targets_of(config.targets),
        face_size=48,
        sample_rate=16000,
    )
    return replace(payload, **changes)  # type: ignore[arg-type]


def test_a_clip_without_disagreements(root: Path) -> None:
    clip = assemble_clip(payload_of(root, "7"))
    assert (clip.trial, clip.subject, clip.partition) == ("7", "7", "train")
    np.testing.assert_allclose(clip.time, np.arange(FRAMES) / 30, atol=1e-9)
    assert clip.fps == pytest.approx(30)
    assert clip.face_valid.all()
    np.testing.assert_array_equal(clip.faces[2], decode_sizes(crop_bytes(3), (48,))[0])
    expected = np.loadtxt(root / "annotations/VA_Set/Train_Set/7.txt", delimiter=",", skiprows=1, dtype=np.float32)
    np.testing.assert_array_equal(clip.labels, expected)
    assert len(clip.audio) / 16000 == pytest.approx(FRAMES / 30, abs=0.05)
    assert clip.alignment["frames"] == clip.alignment["label_rows"] == clip.alignment["images"] == FRAMES
    assert sorted(clip.sources) == ["annotation", "images", "video"]


def test_a_test_trial_has_no_labels(root: Path) -> None:
    clip = assemble_clip(payload_of(root, "12_left"))
    assert clip.partition == "test"
    assert clip.labels.shape == (FRAMES, 2)
    assert np.isnan(clip.labels).all()
    assert clip.alignment["label_rows"] is None


def test_two_people_share_the_sound_and_nothing_else(root: Path) -> None:
    (root / "cropped_aligned/video3_right/00001.jpg").unlink()
    left, right = (assemble_clip(payload_of(root, trial)) for trial in ("video3_left", "video3_right"))
    np.testing.assert_array_equal(left.audio, right.audio)
    assert left.face_valid[0]
    assert not right.face_valid[0]


@pytest.mark.parametrize("rows", [FRAMES - 4, FRAMES + 4])
def test_label_rows_and_images_that_do_not_match_the_frames(root: Path, rows: int) -> None:
    images = [1, 2, 5, FRAMES + 1, FRAMES + 2]
    write_trial(root, "odd", "Train_Set", video="odd", rows=rows, images=images)
    (root / "annotations/VA_Set/Train_Set/odd.txt").write_text(labels_text(rows).replace("0.020,", "-5,"))
    clip = assemble_clip(payload_of(root, "odd"))
    assert len(clip.time) == len(clip.labels) == len(clip.faces) == FRAMES
    valid = np.arange(FRAMES) < rows
    valid[2] = False
    np.testing.assert_array_equal(clip.label_valid, valid)
    np.testing.assert_array_equal(np.flatnonzero(clip.face_valid), [0, 1, 4])
    assert not clip.faces[~clip.face_valid].any()
    assert clip.faces[clip.face_valid].any(axis=(1, 2, 3)).all()
    assert clip.alignment["unannotated"] == 1
    assert clip.alignment["label_rows_left_out"] == max(0, rows - FRAMES)
    assert clip.alignment["labels_missing"] == max(0, FRAMES - rows)
    assert clip.alignment["images_left_out"] == 2
    assert clip.alignment["images_missing"] == FRAMES - 3


def test_an_avi_says_how_its_time_line_was_made(root: Path) -> None:
    clip = assemble_clip(payload_of(root, "11"))
    assert clip.alignment["clock"] == "assumed"
    assert "no time stamps" in clip.alignment["notes"][0]


def test_a_variable_rate(root: Path) -> None:
    times = np.cumsum(np.where(np.arange(FRAMES) % 3 == 0, 0.06, 0.03))
    write_video(root / "raw_videos/7.mp4", frames=FRAMES, times=times.tolist())
    clip = assemble_clip(payload_of(root, "7"))
    np.testing.assert_allclose(np.diff(clip.time), np.diff(times), atol=1e-4)


def test_the_same_files_give_the_same_bytes(root: Path, tmp_path: Path) -> None:
    payload = payload_of(root, "7")
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        build_clip(payload, tmp_path / name)
    one, two = tmp_path / "one", tmp_path / "two"
    names = sorted(path.name for path in one.iterdir())
    assert names == ["7.h5", SUMMARY]
    assert all((one / name).read_bytes() == (two / name).read_bytes() for name in names)
    assert str(tmp_path).encode() not in (one / "7.h5").read_bytes()
    assert str(tmp_path) not in (one / SUMMARY).read_text()


def test_the_summary_is_what_the_file_holds(root: Path, tmp_path: Path) -> None:
    (root / "cropped_aligned/7/00004.jpg").unlink()
    build_clip(payload_of(root, "7"), tmp_path)
    summary, clip = json.loads((tmp_path / SUMMARY).read_text()), read_clip(tmp_path / "7.h5")
    assert summary["digest"] == clip.digest()
    assert summary["media"] == clip.media_digest()
    assert (summary["frames"], summary["faces"], summary["labelled"]) == (FRAMES, FRAMES - 1, FRAMES)
    assert summary["alignment"] == clip.alignment


def test_further_sample_rates(root: Path) -> None:
    clip = assemble_clip(payload_of(root, "7", other_rates=(44100,)))
    assert list(clip.other_audio) == [44100]
    assert len(clip.other_audio[44100]) / 44100 == pytest.approx(len(clip.audio) / 16000, abs=1e-3)


def test_further_face_sizes(root: Path, tmp_path: Path) -> None:
    plain, further = payload_of(root, "7"), payload_of(root, "7", other_sizes=(56, 64), other_rates=(8000,))
    clip = assemble_clip(further)
    assert {size: faces.shape for size, faces in clip.other_faces.items()} == {
        56: (FRAMES, 56, 56, 3),
        64: (FRAMES, 64, 64, 3),
    }
    data = (root / "cropped_aligned/7/00003.jpg").read_bytes()
    for size, expected in zip((56, 64), decode_sizes(data, (56, 64)), strict=True):
        np.testing.assert_array_equal(clip.other_faces[size][2], expected)
    assert clip.media_digest() == assemble_clip(plain).media_digest()
    build_clip(further, tmp_path)
    summary = json.loads((tmp_path / SUMMARY).read_text())
    assert read_further(summary["further"]) == clip.other_digests()
    assert sorted(clip.other_digests()) == ["audio_8000", "faces_56", "faces_64"]


def test_sound_from_a_file_of_its_own(root: Path) -> None:
    payload = payload_of(root, "7")
    sound = write_video(root / "7.wav", video=False, sound_codec="pcm_s16le", audio_rate=16000)
    write_video(root / "raw_videos/7.mp4", frames=FRAMES, audio=False)
    from pipeline.readers.scan import scan_trial

    trial = replace(payload.trial, audio=sound)
    scan = scan_trial(trial, targets=payload.targets, size=16, memory=memory_in(root.parent))
    assert scan.problems == ()
    clip = assemble_clip(replace(payload, trial=trial, digest=scan.digest))
    assert len(clip.audio) == 16000
    assert sorted(clip.sources) == ["annotation", "audio", "images", "video"]


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "annotations/VA_Set/Train_Set/7.txt").write_text("valence,arousal\nx,0\n"),
        lambda root: (root / "cropped_aligned/7/00001.jpg").write_bytes(crop_bytes(7)),
        lambda root: write_video(root / "raw_videos/7.mp4", frames=5),
        lambda root: (root / "raw_videos/7.mp4").unlink(),
        lambda root: (root / "annotations/VA_Set/Train_Set/7.txt").unlink(),
    ],
)
def test_a_corpus_that_changed_since_the_index(root: Path, tmp_path: Path, change: Callable[[Path], object]) -> None:
    payload = payload_of(root, "7")
    change(root)
    (tmp_path / "out").mkdir()
    with pytest.raises(InputError, match=r"the corpus has changed(.|\n)*trial 7: .* -> run `affectflow index`"):
        build_clip(payload, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_damage_inside_a_video_refuses_the_trial(root: Path) -> None:
    payload = payload_of(root, "7")
    sources = assemble_clip(payload).sources
    video = damage(write_video(root / "raw_videos/7.mp4", frames=60), count=3000)
    with pytest.raises(InputError) as caught:
        assemble_clip(replace(payload, digest=trial_digest({**sources, "video": digest_file(video)})))
    found = [str(problem) for problem in caught.value.problems]
    assert found[0].startswith(f"{root}/raw_videos/7.mp4, trial 7: frame ")
    assert any("the sound cannot be decoded" in problem for problem in found)


def test_what_a_clip_depends_on() -> None:
    closure = set(import_closure("pipeline.ingest.build"))
    assert {"pipeline.media.video", "pipeline.corpora.annotation", "pipeline.clips.clip"} <= closure
    # Checks, layouts and the machinery around may change without every clip being built again.
    assert not {name for name in closure if name.startswith(("pipeline.cache", "pipeline.compute", "stages"))}
    assert not closure & {"pipeline.readers.affwild2", "pipeline.readers.scan", "pipeline.readers.crops"}
