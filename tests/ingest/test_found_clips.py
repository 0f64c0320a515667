"""Clips of corpora without crops, from the files on the disk to the HDF5 file."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.clips.clip import Clip, read_clip
from pipeline.clips.target import targets_of
from pipeline.corpora.config import RecolaConfig, TableConfig
from pipeline.corpora.digest import digest_file, trial_digest
from pipeline.corpora.labels import format_of
from pipeline.ingest.build import SUMMARY, ClipPayload, assemble_clip, build_clip
from pipeline.media.config import FacesConfig
from pipeline.media.detectors import resolve
from pipeline.media.faces import find_faces
from pipeline.media.video import read_video
from pipeline.readers.index import build_index
from pipeline.runtime.errors import InputError
from tests.corpus_factory import SERIAL, memory_in
from tests.face_factory import HERE, RATE, write_face_video
from tests.media_factory import damage, write_video
from tests.miniatures import DELAYS, FRAMES, SECONDS, edited, gold, write_fatigue, write_recola, write_wav

TIME = np.arange(FRAMES) / RATE


def payload_of(config: RecolaConfig | TableConfig, trial: str) -> ClipPayload:
    rows = build_index(config, memory=memory_in(Path(config.index).parent), executor=SERIAL)
    row = {row.trial: row for row in rows}[trial]
    return ClipPayload(
        trial=row.locate(Path(config.root)),
        digest=row.digest,
        targets=targets_of(config.targets),
        face_size=48,
        sample_rate=16000,
        form=format_of(config),
        search=resolve(config.faces),
    )


def clip_of(config: RecolaConfig | TableConfig, trial: str) -> Clip:
    return assemble_clip(payload_of(config, trial))


def test_recola(tmp_path: Path) -> None:
    config = write_recola(tmp_path / "corpus").model_copy(update={"label_delay": {}})
    clip = clip_of(config, "train_1")
    assert (clip.trial, clip.partition, clip.subject) == ("train_1", "train", "train_1")
    np.testing.assert_allclose(clip.time, TIME, atol=1e-9)
    assert clip.fps == pytest.approx(25)
    # The rows stand on the frames: each frame has its row's value, and the row past the end is nobody's.
    expected = np.stack([gold("valence", TIME), gold("arousal", TIME)], axis=1)
    np.testing.assert_allclose(clip.labels, expected, atol=1e-6)
    assert clip.face_valid.all()
    assert sorted(clip.sources) == ["arousal annotation", "audio", "valence annotation", "video"]
    record = {name: clip.alignment[name] for name in ("label_rows", "labels_missing", "unannotated", "images")}
    assert record == {"label_rows": FRAMES + 1, "labels_missing": 0, "unannotated": 0, "images": FRAMES}
    assert clip.alignment["notes"] == []


def test_the_sound_is_the_wavs_and_both_begin_at_zero(tmp_path: Path) -> None:
    config = write_recola(tmp_path / "corpus")
    root = tmp_path / "corpus"
    write_wav(root / "recordings_audio/train_1.wav", seconds=0.7, hertz=440)
    clip = clip_of(config, "train_1")
    assert clip.time[0] == 0
    assert len(clip.audio) == round(0.7 * 16000)
    spectrum = np.abs(np.fft.rfft(clip.audio.astype(float)))
    assert np.argmax(spectrum) * 16000 / len(clip.audio) == pytest.approx(440, abs=2)


def test_faces_are_those_of_the_video(tmp_path: Path) -> None:
    config = write_recola(tmp_path / "corpus")
    clip = clip_of(config, "train_2")
    video = tmp_path / "corpus/recordings_video/train_2.mp4"
    found = find_faces(video, read_video(video).time, size=48, config=resolve(config.faces))
    np.testing.assert_array_equal(clip.faces, found.pixels)
    assert clip.faces.any(axis=(1, 2, 3)).all()


def test_faces_are_found_once_and_cut_in_every_size(tmp_path: Path) -> None:
    payload = payload_of(write_recola(tmp_path / "corpus"), "train_2")
    plain, further = assemble_clip(payload), assemble_clip(replace(payload, other_sizes=(112, 40)))
    np.testing.assert_array_equal(further.faces, plain.faces)
    assert {size: faces.shape for size, faces in further.other_faces.items()} == {
        112: (FRAMES, 112, 112, 3),
        40: (FRAMES, 40, 40, 3),
    }
    smaller = assemble_clip(replace(payload, face_size=40))
    np.testing.assert_array_equal(further.other_faces[40], smaller.faces)


def test_a_test_trial_has_no_labels(tmp_path: Path) -> None:
    clip = clip_of(write_recola(tmp_path / "corpus"), "test_1")
    assert clip.partition == "test"
    assert np.isnan(clip.labels).all()
    assert clip.labels.shape == (FRAMES, 2)
    assert clip.alignment["label_rows"] is None


def test_each_target_is_moved_earlier_by_its_own_delay(tmp_path: Path) -> None:
    clip = clip_of(write_recola(tmp_path / "corpus"), "train_1")
    # The last row stands at 1.2 s: frames later than 1.0 s have no valence any more, those later than 0.88 s no
    # arousal.
    late = {"valence": TIME > 1.0 + 1e-9, "arousal": TIME > 0.88 + 1e-9}
    for column, (target, delay) in enumerate(DELAYS.items()):
        rated = ~late[target]
        np.testing.assert_allclose(clip.labels[rated, column], gold(target, TIME[rated] + delay), atol=1e-6)
        assert np.isnan(clip.labels[~rated, column]).all()
    assert clip.label_valid.tolist() == (~late["valence"]).tolist()
    counts = [clip.alignment[name] for name in ("labels_missing", "partly_annotated", "unannotated")]
    assert counts == [late["valence"].sum(), late["arousal"].sum() - late["valence"].sum(), 0] == [4, 3, 0]
    assert clip.alignment["notes"] == ["labels moved: valence 0.2 s earlier, arousal 0.32 s earlier"]


def test_moments_that_nobody_rated_are_masked_and_counted(tmp_path: Path) -> None:
    config = write_recola(tmp_path / "corpus").model_copy(update={"label_delay": {}})

    def forget(text: str) -> str:
        lines = text.splitlines(keepends=True)
        return "".join(f"'train_1',{line.split(',')[1]},?\n" if ",0.4" in line else line for line in lines)

    for target, partly, unannotated in (("valence", 3, 0), ("arousal", 0, 3)):
        edited(tmp_path / f"corpus/ratings_gold_standard/{target}/train_1.arff", forget)
        clip = clip_of(config, "train_1")
        assert np.flatnonzero(np.isnan(clip.labels[:, 0])).tolist() == [10, 11, 12]
        counts = [clip.alignment[name] for name in ("labels_missing", "partly_annotated", "unannotated")]
        assert counts == [0, partly, unannotated]


def test_a_table_with_seconds_and_one_with_a_row_per_frame(tmp_path: Path) -> None:
    config = write_fatigue(tmp_path / "corpus")
    timed, counted = clip_of(config, "p1_a"), clip_of(config, "p1_b")
    assert [target.name for target in timed.targets] == ["fatigue"]
    assert (timed.targets[0].low, timed.targets[0].high) == (0.0, 10.0)
    # The time line's zero is the first sound, which AAC begins a little before the picture.
    np.testing.assert_allclose(timed.labels[:, 0], timed.time / 0.5, atol=1e-5)
    np.testing.assert_allclose(counted.labels[:, 0], 5 + 0.1 * np.arange(FRAMES), atol=1e-5)
    assert timed.alignment["label_rows"] == 4
    assert counted.alignment["label_rows"] == FRAMES
    assert timed.subject == counted.subject == "p1"
    assert len(timed.audio) / 16000 == pytest.approx(SECONDS, abs=0.15)


def test_times_in_milliseconds_are_refused_and_rows_past_the_end_counted(tmp_path: Path) -> None:
    config = write_fatigue(tmp_path / "corpus")
    path = tmp_path / "corpus/labels/p1_a.csv"
    clip = clip_of(config, "p1_a")
    assert SECONDS == 1.2
    assert (clip.alignment["label_rows"], clip.alignment["label_rows_outside"]) == (4, 1)
    path.write_text("time,fatigue\n" + "".join(f"{40 * row},{row / 10}\n" for row in range(30)))
    with pytest.raises(InputError) as caught:
        clip_of(config, "p1_a")
    (problem,) = caught.value.problems
    expected = (
        f"{path}, trial p1_a: 29 of 30 label rows, from 0 to 1160 s, lie outside the recording, which ends at 1.20 s"
    )
    assert str(problem).startswith(expected)
    assert "milliseconds" in str(problem.remedy)


def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    payload = payload_of(write_recola(tmp_path / "corpus"), "dev_1")
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        build_clip(payload, tmp_path / name)
    for name in ("dev_1.h5", SUMMARY):
        data = (tmp_path / "one" / name).read_bytes()
        assert data == (tmp_path / "two" / name).read_bytes()
        assert str(tmp_path).encode() not in data
    assert read_clip(tmp_path / "one/dev_1.h5").digest() == assemble_clip(payload).digest()


def test_a_video_without_a_face_is_refused(tmp_path: Path) -> None:
    config = write_fatigue(tmp_path / "corpus")
    write_face_video(tmp_path / "corpus/video/p2.mp4", place=lambda frame: [])
    with pytest.raises(InputError, match=r"p2\.mp4, trial p2: no face in any frame -> "):
        clip_of(config, "p2")


def test_frames_without_a_face_are_counted(tmp_path: Path) -> None:
    config = write_fatigue(tmp_path / "corpus")
    write_face_video(tmp_path / "corpus/video/p2.mp4", place=lambda frame: [HERE] if frame <= 20 else [])
    clip = clip_of(config, "p2")
    assert clip.face_valid.sum() == 21
    assert not clip.faces[~clip.face_valid].any()
    assert clip.alignment["images_missing"] == FRAMES - 21


def test_how_faces_are_searched_reaches_the_clip(tmp_path: Path) -> None:
    config = write_fatigue(tmp_path / "corpus")
    near, far = (
        clip_of(config.model_copy(update={"faces": FacesConfig(detector="frontalface_alt2", margin=margin)}), "p2")
        for margin in (0.15, 0.6)
    )
    assert near.face_valid.all()
    assert far.face_valid.all()
    assert np.abs(near.faces.astype(int) - far.faces).mean() > 10


def crowd(tmp_path: Path) -> TableConfig:
    """Return a corpus in which another person stands in for p2 from half of the video on."""
    config = write_fatigue(tmp_path / "corpus")
    here, there = (170.0, 62.0, 40.0), (30.0, 60.0, 30.0)
    write_face_video(
        tmp_path / "corpus/video/p2.mp4", size=(240, 120), place=lambda frame: [here] if frame < 18 else [there]
    )
    return config


def test_another_person_who_stands_in_is_told(tmp_path: Path) -> None:
    clip = clip_of(crowd(tmp_path), "p2")
    notes = [note for note in clip.alignment["notes"] if "another track" in note]
    assert len(notes) == 1
    count = int(notes[0].split()[0])
    assert 5 <= count <= 12
    assert notes[0].startswith(f"{count} of {FRAMES} frames")
    alone = clip_of(crowd(tmp_path), "p1_a")
    assert not [note for note in alone.alignment["notes"] if "track" in note]


def test_only_one_person_may_be_followed(tmp_path: Path) -> None:
    config = crowd(tmp_path)
    strict = config.model_copy(update={"faces": FacesConfig(follow="one")})
    assert clip_of(strict, "p1_a").face_valid.all()
    with pytest.raises(InputError, match=rf"p2\.mp4, trial p2: \d+ of {FRAMES} frames show a face of another.* -> "):
        clip_of(strict, "p2")


def test_sound_that_ends_early_is_noted(tmp_path: Path) -> None:
    config = write_recola(tmp_path / "corpus").model_copy(update={"label_delay": {}})
    write_wav(tmp_path / "corpus/recordings_audio/train_1.wav", seconds=0.7)
    notes = clip_of(config, "train_1").alignment["notes"]
    assert notes == [f"the sound ends {SECONDS - 0.7:.3f} s before the picture"]


def test_time_stamps_far_apart_refuse_the_trial(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    payload = payload_of(write_fatigue(tmp_path / "corpus"), "p2")
    monkeypatch.setattr("pipeline.media.timeline.LONGEST_GAP", -1.0)
    with pytest.raises(InputError, match=r"p2\.mp4, trial p2: picture and sound begin \d\.\d s apart"):
        assemble_clip(payload)


def test_every_broken_source_is_named(tmp_path: Path) -> None:
    config = write_recola(tmp_path / "corpus")
    root = tmp_path / "corpus"
    payload = payload_of(config, "train_1")
    sources = assemble_clip(payload).sources
    video = damage(write_video(root / "recordings_video/train_1.mp4", frames=60, audio=False))
    payload = replace(payload, digest=trial_digest({**sources, "video": digest_file(video)}))
    with pytest.raises(InputError) as caught:
        assemble_clip(payload)
    assert {problem.file for problem in caught.value.problems} == {str(payload.trial.video)}
    edited(root / "ratings_gold_standard/valence/train_1.arff", lambda text: text.replace(",0.04,", ",0.00,"))
    with pytest.raises(InputError, match="its files are not those that the corpus index describes"):
        assemble_clip(payload)
