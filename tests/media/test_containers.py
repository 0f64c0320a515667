import struct
from pathlib import Path

import pytest

from pipeline.media.containers import check_container
from tests.media_factory import boxes, cut_off, flip_bits, write_video
from tests.miniatures import write_wav

NAMES = {"a.mp4": "libx264", "a.mov": "libx264", "a.mkv": "libx264", "a.webm": "libvpx-vp9", "a.avi": "mpeg4"}


def write(path: Path) -> Path:
    sound = {".avi": "pcm_s16le", ".webm": "libopus"}.get(path.suffix, "aac")
    rate = 48000 if path.suffix == ".webm" else 44100
    return write_video(path, codec=NAMES[path.name], sound_codec=sound, audio_rate=rate, frames=45)


def messages(path: Path) -> str:
    problems = check_container(path)
    assert all(problem.file == str(path) and problem.remedy for problem in problems)
    return "; ".join(problem.message for problem in problems)


@pytest.mark.parametrize("name", NAMES)
def test_a_whole_file_has_nothing_wrong(tmp_path: Path, name: str) -> None:
    assert messages(write(tmp_path / name)) == ""


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("share", [0.4, 0.8, 0.97])
def test_how_much_is_missing_is_said(tmp_path: Path, name: str, share: float) -> None:
    path = write(tmp_path / name)
    whole = path.stat().st_size
    text = messages(cut_off(path, share))
    if path.suffix in {".mkv", ".webm", ".avi"}:
        assert f"the file breaks off: {whole - path.stat().st_size} bytes of its part" in text
    elif share < 0.9:
        assert "bytes of its part 'mdat' are missing" in text
    else:
        assert "bytes of its part 'moov' are missing" in text


def test_what_is_written_live_has_no_size(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", options={"live": "1"})
    assert messages(path) == ""
    webm = write(tmp_path / "a.webm")
    data = bytearray(webm.read_bytes())
    size = data.find(b"\x1f\x43\xb6\x75") + 4
    length = 9 - data[size].bit_length()
    data[size : size + length] = ((1 << 7 * length + 1) - 1).to_bytes(length, "big")
    webm.write_bytes(bytes(data))
    assert messages(webm) == ""
    assert "breaks off" in messages(cut_off(webm, 0.7))
    wav = write_wav(tmp_path / "a.wav")
    data = bytearray(wav.read_bytes())
    for place in (4, 40):
        data[place : place + 4] = b"\xff" * 4
    wav.write_bytes(bytes(data))
    assert messages(wav) == ""


def test_fragments_and_an_index_in_front(tmp_path: Path) -> None:
    for flags in ("faststart", "frag_keyframe+empty_moov"):
        path = write_video(tmp_path / "a.mp4", options={"movflags": flags}, frames=45)
        assert messages(path) == ""
        assert "breaks off" in messages(cut_off(path, 0.7))


def test_what_a_camera_appends_is_left_alone(tmp_path: Path) -> None:
    for name in ("a.mp4", "a.mkv", "a.avi"):
        path = write(tmp_path / name)
        path.write_bytes(path.read_bytes() + b"\x00\x01camera" * 20)
        assert messages(path) == ""


def test_a_flipped_bit_in_a_matroska_contradicts_its_checksum(tmp_path: Path) -> None:
    data = write(tmp_path / "a.mkv").read_bytes()
    cluster = data.find(b"\x1f\x43\xb6\x75")
    for seed in range(30):
        path = tmp_path / f"{seed}.mkv"
        path.write_bytes(data)
        flip_bits(path, seed=seed, count=1, first=cluster + 20, last=len(data) * 9 // 10)
        assert "damaged" in messages(path)


def test_a_block_of_no_track(tmp_path: Path) -> None:
    path = write(tmp_path / "a.webm")
    data = bytearray(path.read_bytes())
    block = data.find(b"\xa3", data.find(b"\x1f\x43\xb6\x75") + 12)
    number = data.find(b"\x81", block)
    data[number] = 0x87
    path.write_bytes(bytes(data))
    assert f"its block at byte {block} is damaged: it belongs to no track" in messages(path)


@pytest.mark.parametrize("place", [0, 4, 8])
def test_a_damaged_riff_header(tmp_path: Path, place: int) -> None:
    path = write(tmp_path / "a.avi")
    data = bytearray(path.read_bytes())
    data[place : place + 4] = struct.pack("<I", 0x7FFFFFF0) if place == 4 else b"XXXX"
    path.write_bytes(bytes(data))
    # Without its mark it is no AVI at all: then FFmpeg is the one to refuse it.
    expected = {0: "", 4: "the file breaks off", 8: "its header is damaged"}[place]
    assert messages(path).startswith(expected)
    assert bool(messages(path)) == bool(expected)


def test_a_chunk_longer_than_its_file(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav")
    data = bytearray(path.read_bytes())
    assert data[36:40] == b"data"
    data[40:44] = struct.pack("<I", len(data) + 1000)
    path.write_bytes(bytes(data))
    assert "its part 'data' at byte 36 is damaged" in messages(path)


def test_a_part_of_no_length(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4")
    data = bytearray(path.read_bytes())
    start = boxes(path)["free"].start
    data[start : start + 4] = (4).to_bytes(4, "big")
    path.write_bytes(bytes(data))
    assert messages(path) == f"its part 'free' at byte {start} is damaged: it claims 4 bytes"


def test_other_files_are_left_to_ffmpeg(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    for content in (b"", b"text", b"\x47" * 400):
        path.write_bytes(content)
        assert messages(path) == ""
