"""Whole videos of every kind pass, damaged ones do not."""

from pathlib import Path

import av
import numpy as np
import pytest

from pipeline.media.decoding import MOST_PIXELS, open_video
from pipeline.media.pictures import decode_pictures
from pipeline.media.video import read_video
from pipeline.runtime.errors import InputError
from tests.media_factory import boxes, flip_bits, write_video

FRAMES = 40
OPEN_GOP = {"x264-params": "open-gop=1:keyint=12:bframes=3:b-pyramid=1:scenecut=0"}
X265 = {"x265-params": "log-level=none:keyint=12:open-gop=1"}
VP9 = {"deadline": "realtime", "cpu-used": "8"}
KINDS: dict[str, tuple[str, str, dict[str, str]]] = {
    "h264": ("libx264", ".mp4 .mkv .mov .avi", {}),
    "h264 with an open GOP": ("libx264", ".mp4 .mkv", OPEN_GOP),
    "h264 with B-frames": ("libx264", ".mp4 .mkv .avi", {"x264-params": "bframes=5:b-pyramid=2:ref=5:keyint=15"}),
    "h264 in slices": ("libx264", ".mp4", {"x264-params": "slices=4"}),
    "h264 with rolling refresh": ("libx264", ".mkv", {"x264-params": "intra-refresh=1:keyint=20"}),
    "hevc": ("libx265", ".mp4 .mkv", X265),
    "mpeg4": ("mpeg4", ".mp4 .mkv .avi .mov", {}),
    "mpeg4 with B-frames": ("mpeg4", ".mkv .avi", {"bf": "2"}),
    "vp9": ("libvpx-vp9", ".webm .mkv .mp4", VP9),
    "vp9 with hidden frames": ("libvpx-vp9", ".webm", {"auto-alt-ref": "1", "lag-in-frames": "12", "cpu-used": "5"}),
    "vp8": ("libvpx", ".webm", {"deadline": "realtime", "cpu-used": "8"}),
    "mjpeg": ("mjpeg", ".avi .mov .mkv", {}),
    "mpeg2": ("mpeg2video", ".mkv .avi", {}),
}
EVERY = [(kind, suffix) for kind, (_, suffixes, _) in KINDS.items() for suffix in suffixes.split()]
TOLD = ["h264", "h264 with an open GOP", "h264 in slices", "mpeg4", "vp9"]


def write(folder: Path, kind: str, suffix: str, **more: object) -> Path:
    codec, _, options = KINDS[kind]
    path = folder / f"a{suffix}"
    return write_video(path, codec=codec, codec_options=options, frames=FRAMES, audio=False, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(("kind", "suffix"), EVERY)
def test_a_whole_video_has_all_its_pictures(tmp_path: Path, kind: str, suffix: str) -> None:
    path = write(tmp_path, kind, suffix)
    track = read_video(path)
    np.testing.assert_allclose(track.time, np.arange(FRAMES) / 30, atol=2e-3)
    assert sum(1 for _ in decode_pictures(path)) == FRAMES


@pytest.mark.parametrize(("kind", "suffix"), [("h264 with B-frames", ".mkv"), ("hevc", ".mp4"), ("vp9", ".webm")])
def test_a_variable_rate(tmp_path: Path, kind: str, suffix: str) -> None:
    times = np.cumsum(np.where(np.arange(FRAMES) % 7 == 0, 0.05, 0.03)) - 0.05
    track = read_video(write(tmp_path, kind, suffix, times=times.tolist()))
    np.testing.assert_allclose(track.time, times, atol=2e-3)


def rewrite(path: Path, target: Path, *, first: int, earlier: float) -> Path:
    """Copy packets from one on, stamped earlier: what comes before zero is hidden by an edit list."""
    with av.open(str(path)) as source, av.open(str(target), "w") as copy:
        stream = copy.add_stream_from_template(source.streams.video[0])
        for number, packet in enumerate(source.demux()):
            if packet.dts is not None and packet.pts is not None and packet.time_base and number >= first:
                ticks = round(earlier / packet.time_base)
                packet.pts, packet.dts, packet.stream = packet.pts - ticks, packet.dts - ticks, stream
                copy.mux(packet)
    return target


@pytest.mark.parametrize("kind", ["h264 with B-frames", "vp9", "mpeg4", "hevc"])
def test_an_edit_list_hides_frames_that_nobody_lacks(tmp_path: Path, kind: str) -> None:
    path = rewrite(write(tmp_path, kind, ".mp4"), tmp_path / "b.mp4", first=0, earlier=0.5)
    track = read_video(path)
    assert 20 <= len(track.time) <= 26
    assert track.time[0] == pytest.approx(0, abs=0.04)
    assert [note.split(":")[0] for note in track.notes] == [
        f"{FRAMES - len(track.time)} frames in the file are not shown"
    ]


@pytest.mark.parametrize(("kind", "suffix"), [("h264 with an open GOP", ".mp4"), ("hevc", ".mkv")])
def test_a_video_may_begin_within_an_open_gop(tmp_path: Path, kind: str, suffix: str) -> None:
    path = write(tmp_path, kind, suffix)
    with av.open(str(path)) as container:
        keys = [number for number, packet in enumerate(container.demux()) if packet.is_keyframe]
    cut = rewrite(path, tmp_path / f"b{suffix}", first=keys[1], earlier=0.3)
    assert FRAMES - 20 <= len(read_video(cut).time) <= FRAMES - keys[1]


@pytest.mark.parametrize(
    ("kind", "suffix"),
    [(kind, suffix) for kind in TOLD for suffix in KINDS[kind][1].split()] + [("hevc", ".mkv"), ("mjpeg", ".mkv")],
)
@pytest.mark.parametrize("seed", [1, 2])
def test_damage_within_pictures_is_found(tmp_path: Path, kind: str, suffix: str, seed: int) -> None:
    path = write(tmp_path, kind, suffix)
    inside = {".mp4": b"mdat", ".mov": b"mdat", ".avi": b"movi"}.get(suffix, b"\x1f\x43\xb6\x75")
    first = path.read_bytes().find(inside)
    last = boxes(path)["mdat"].stop if inside == b"mdat" else len(path.read_bytes()) * 9 // 10
    flip_bits(path, seed=seed, count=30, first=first + (last - first) // 10, last=last)
    with pytest.raises(InputError, match=rf"a\{suffix}: .* -> get the file again"):
        read_video(path)


def test_a_concealed_picture_is_named_with_its_time(tmp_path: Path) -> None:
    path = write(tmp_path, "h264", ".mp4")
    data = boxes(path)["mdat"]
    flip_bits(path, seed=0, count=30, first=data.start + len(data) // 2, last=data.stop)
    with pytest.raises(InputError) as caught:
        read_video(path)
    (problem,) = [problem for problem in caught.value.problems if "pictures are damaged" in problem.message]
    assert problem.file == str(path)
    number, time = problem.message.split("the first is frame ")[1].removesuffix(" s").split(" at ")
    assert float(time) == pytest.approx(int(number) / 30, abs=0.01)
    assert problem.remedy is not None
    assert "ffmpeg -i IN OUT" in problem.remedy


def test_a_picture_that_never_comes_is_counted(tmp_path: Path) -> None:
    path = write(tmp_path, "hevc", ".mp4")
    whole = len(read_video(path).time)
    with av.open(str(path)) as container:
        packets = [(packet.pos, packet.size) for packet in container.demux() if packet.size]
    data = bytearray(path.read_bytes())
    position, size = packets[15]
    # The slice's header: what it builds on cannot be found.
    assert position is not None
    data[position + 4 : position + 12] = bytes([data[position + 4], data[position + 5], *[0xFF] * 6])
    path.write_bytes(bytes(data))
    assert (whole, size > 12) == (FRAMES, True)
    with pytest.raises(InputError, match=r"pictures between the others are lost|cannot be decoded"):
        read_video(path)


def test_both_decoders_of_vp9_give_the_same_pictures(tmp_path: Path) -> None:
    path = write(tmp_path, "vp9", ".webm")
    ours = [picture.rgb() for picture in decode_pictures(path)]
    with av.open(str(path)) as container:
        theirs = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(ours) == len(theirs) == FRAMES
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_picture_too_large_to_be_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert MOST_PIXELS >= 7680 * 4320
    path = write(tmp_path, "h264", ".mp4")
    monkeypatch.setattr("pipeline.media.decoding.MOST_PIXELS", 1000)
    with pytest.raises(InputError, match="frame 0 cannot be decoded"):
        read_video(path)


def test_a_folder_is_no_video(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the file does not open: Is a directory"), open_video(tmp_path):
        pass
    with pytest.raises(InputError, match="the file does not open: Is a directory"):
        read_video(tmp_path)


def test_a_name_in_another_encoding_does_no_harm(tmp_path: Path) -> None:
    path = write(tmp_path, "h264", ".mp4")
    data = bytearray(path.read_bytes())
    start = data.find(b"isomiso2")
    data[start + 6] = 0xC2
    path.write_bytes(bytes(data))
    assert len(read_video(path).time) == FRAMES
