"""Bytes flipped in small real files: never a hang, a crash of the process or a silent pass of damaged pictures."""

import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.media.fuzzing import compare, read
from tests.media_factory import boxes, flip_bits, write_video
from tests.miniatures import write_wav

ROOT = Path(__file__).parents[2]
SECONDS = 300.0
"""In which all copies of one file must be read; on an idle processor it takes a few hundredths of that."""

FILES: dict[str, str] = {
    ".mp4": "libx264",
    ".mov": "mpeg4",
    ".mkv": "libx264",
    ".webm": "libvpx-vp9",
    ".avi": "mpeg4",
    ".wav": "",
}


def write_whole(folder: Path, suffix: str) -> bytes:
    """Write a whole file and return its bytes."""
    path = folder / f"whole{suffix}"
    if suffix == ".wav":
        write_wav(path, seconds=0.5)
    else:
        speed = {"deadline": "realtime", "cpu-used": "8"} if suffix == ".webm" else {}
        write_video(path, frames=24, audio=False, codec=FILES[suffix], codec_options=speed)
    return path.read_bytes()


def structure(path: Path) -> list[int]:
    """Return the bytes of headers, tables and indices that say where and when pictures and samples are.

    How they are coded is part of what they are: other settings than those that were give other pictures, as possible.
    """
    data = path.read_bytes()
    if path.suffix in {".mp4", ".mov"}:
        coding = data.find(b"stsd") - 4
        settings = range(coding, coding + int.from_bytes(data[coding : coding + 4], "big"))
        places = [place for name, part in boxes(path).items() if name != "mdat" for place in part]
        return [place for place in places if place not in settings]
    if path.suffix == ".wav":
        return [place for place in range(44) if place not in (20, 21)]
    inside = {".avi": b"movi", ".webm": b"\x1f\x43\xb6\x75", ".mkv": b"\x1f\x43\xb6\x75"}[path.suffix]
    start = data.find(inside)
    end = {".avi": data.rfind(b"idx1"), ".mkv": 0}.get(path.suffix, len(data))
    # Padding is most of an AVI's header.
    padding = data.find(b"JUNK")
    hidden = range(padding + 8, start - 12) if path.suffix == ".avi" else range(0)
    return [place for place in [*range(start + 4), *range(max(end, start + 4), len(data))] if place not in hidden]


def damaged_outcomes(folder: Path, suffix: str, *, headers: int, payloads: int, anywhere: int) -> dict[str, str]:
    """Damage a file in many ways, have another process read the copies, and return what came of each."""
    data = write_whole(folder, suffix)
    places = structure(folder / f"whole{suffix}")
    for seed in range(headers):
        chosen = random.Random(seed)
        copy = bytearray(data)
        copy[chosen.choice(places)] ^= chosen.randrange(1, 256)
        (folder / f"header-{seed}{suffix}").write_bytes(bytes(copy))
    taken = set(places)
    pictures = [place for place in range(len(data)) if place not in taken]
    first, last = (pictures[len(pictures) // 10], pictures[-1]) if pictures else (len(data) // 3, len(data) * 9 // 10)
    for kind, seeds, count in (("payload", payloads, 30), ("anywhere", anywhere, 1)):
        for seed in range(seeds):
            path = folder / f"{kind}-{seed}{suffix}"
            path.write_bytes(data)
            flip_bits(path, seed=seed, count=count, first=first if kind == "payload" else 0, last=last)
    return run(folder, headers + payloads + anywhere)


def run(folder: Path, expected: int) -> dict[str, str]:
    """Have another process read the copies in a folder."""
    command = [sys.executable, "-m", "tests.media.fuzzing", str(folder)]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        pytest.fail(f"hangs: {(error.stdout or b'').split()[-1:]}")
    lines = [line.split(" ", 1) for line in done.stdout.splitlines()]
    assert done.returncode == 0, f"ends with {done.returncode} at {lines[-1:]}: {done.stderr[-500:]}"
    found = {line[0]: line[1] for line in lines if len(line) == 2}
    assert len(found) == expected
    return found


def check(found: dict[str, str], suffix: str) -> None:
    """Compare what came of each copy with what must."""
    assert not [name for name, outcome in found.items() if outcome.startswith(("CRASH", "BARE"))], found
    silent = {name: outcome for name, outcome in found.items() if outcome not in {"refused", "same", "noted"}}
    # One bit within a picture or a sound may give another one that is just as possible.
    structural = {name: outcome for name, outcome in silent.items() if name.startswith("header")}
    assert not structural
    if suffix != ".wav":
        passed = {name: found[name] for name in found if name.startswith("payload") and found[name] != "refused"}
        assert not passed
    assert Counter(found.values())["refused"] > 0


@pytest.mark.parametrize("suffix", FILES)
def test_damaged_files(tmp_path: Path, suffix: str) -> None:
    check(damaged_outcomes(tmp_path, suffix, headers=16, payloads=3, anywhere=5), suffix)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", FILES)
def test_many_damaged_files(tmp_path: Path, suffix: str) -> None:
    check(damaged_outcomes(tmp_path, suffix, headers=500, payloads=60, anywhere=150), suffix)


def test_what_is_compared_would_be_noticed(tmp_path: Path) -> None:
    whole = read(write_video(tmp_path / "a.mp4", frames=10, audio=False))
    shorter = read(write_video(tmp_path / "b.mp4", frames=9, audio=False))
    later = read(
        write_video(tmp_path / "c.mp4", frames=10, audio=False, times=[0.5 + number / 30 for number in range(10)])
    )
    assert compare(whole, whole) == "same"
    assert compare(whole, shorter) == "LOST"
    assert compare(whole, later) == "MOVED"
    other = type(whole)(whole.time, [255 - picture for picture in whole.pictures], ())
    assert compare(whole, other) == "SMEARED"
    turned = type(whole)(whole.time, [picture.T for picture in whole.pictures], ())
    assert compare(whole, turned) == "SHAPE"


def test_a_process_that_dies_or_hangs_is_noticed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write_whole(tmp_path, ".wav")
    with pytest.raises(AssertionError, match="assert 0 == 1"):
        run(tmp_path, 1)
    (tmp_path / "whole.wav").write_bytes(b"")
    with pytest.raises(AssertionError, match="ends with 1"):
        run(tmp_path, 0)
    monkeypatch.setattr("tests.media.test_fuzzing.SECONDS", 0.01)
    with pytest.raises(pytest.fail.Exception, match="hangs"):
        run(tmp_path, 0)
