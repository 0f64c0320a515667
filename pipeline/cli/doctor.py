"""`affectflow doctor`: does this machine have what the stages need, and what to do where it has not."""

import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Literal

import typer

from pipeline.cli.printing import Json, print_json, print_table

CODECS = ("h264", "hevc", "mpeg4", "vp9", "mjpeg", "aac", "mp3", "opus", "pcm_s16le")
"""Decoders that corpora need."""

SPACE = 20 * 2**30
"""Bytes below which a real corpus will not fit into the item cache."""


@dataclass(frozen=True)
class Finding:
    """What was looked at, how it is, and what to do about it."""

    what: str
    state: Literal["ok", "note", "bad"]
    text: str
    remedy: str = ""


def doctor(as_json: Annotated[bool, Json] = False) -> None:
    """Check processor, GPU, libraries, item cache and DVC; exit 1 where a stage could not run.

    Example: `affectflow doctor --json | jq '.[] | select(.state != "ok")'`
    """
    findings = list(examine())
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        print_table(
            ("state", "what", "found", "remedy"), [(one.state, one.what, one.text, one.remedy) for one in findings]
        )
    if any(finding.state == "bad" for finding in findings):
        raise typer.Exit(1)


def examine() -> Iterator[Finding]:
    """Yield every finding; a check that fails is a finding, too."""
    for check in (_python, _processor, _gpu, _torchaudio, _ffmpeg, _opencv, _cache, _git, _dvc, _remote):
        try:
            yield from check()
        except Exception as error:
            name = check.__name__.removeprefix("_")
            yield Finding(name, "bad", f"{type(error).__name__}: {error}", "make install")


def _python() -> Iterator[Finding]:
    found = platform.python_version()
    new_enough = sys.version_info >= (3, 11)
    yield Finding("Python", "ok" if new_enough else "bad", found, "" if new_enough else "install Python 3.11 or newer")


def _processor() -> Iterator[Finding]:
    from numpy._core import _multiarray_umath as core  # type: ignore[attr-defined]

    from pipeline.runtime.device import computes_bfloat16
    from pipeline.runtime.processor import processor_name

    name = processor_name()
    if core.__cpu_features__.get("AVX2"):
        half = "with" if computes_bfloat16("cpu") else "without"
        yield Finding("processor", "ok", f"{name}, with AVX2: portable and native numerics; {half} bfloat16")
    else:
        remedy = "set `compute: {numerics: native}` in params.yaml"
        yield Finding("processor", "note", f"{name}, without AVX2: no portable numerics", remedy)


def _gpu() -> Iterator[Finding]:
    import torch

    names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    text = f"torch {version('torch')}; " + (", ".join(names) if names else "no CUDA device: everything runs on the CPU")
    yield Finding("GPU", "ok" if names else "note", text)


def _torchaudio() -> Iterator[Finding]:
    from pipeline.runtime.torchaudio_pure import functional

    yield Finding("torchaudio", "ok", f"{version('torchaudio')}, {functional.__name__}")


def _ffmpeg() -> Iterator[Finding]:
    import av
    from av.codec import codecs_available

    ffmpeg = ".".join(map(str, av.library_versions["libavcodec"]))
    missing = [codec for codec in CODECS if codec not in codecs_available]
    text = f"PyAV {av.__version__} with libavcodec {ffmpeg}"
    if missing:
        yield Finding("FFmpeg", "note", f"{text}, without {', '.join(missing)}", "pip install --force-reinstall av")
    else:
        yield Finding("FFmpeg", "ok", text)


def _opencv() -> Iterator[Finding]:
    import cv2.data

    from pipeline.media.detectors import INSTALL, model_path

    cascade = Path(cv2.data.haarcascades) / "haarcascade_frontalface_default.xml"
    if cascade.is_file() and hasattr(cv2, "CascadeClassifier"):
        if model_path() is not None:
            yield Finding("OpenCV", "ok", f"{cv2.__version__}, with BlazeFace to find faces")
        else:
            yield Finding("OpenCV", "note", f"{cv2.__version__}, without BlazeFace: its cascade finds faces", INSTALL)
    else:
        yield Finding("OpenCV", "bad", f"{cv2.__version__}, without a face detector", "pip install 'opencv-python<5'")


def _cache() -> Iterator[Finding]:
    from pipeline.runtime.folders import work_folder
    from pipeline.runtime.items import cache_root

    root = cache_root()
    try:
        with work_folder(root / "tmp") as folder:
            (folder / "probe").write_bytes(b"x")
    except OSError as error:
        remedy = "set AFFECTFLOW_CACHE to a folder that is writable for you"
        yield Finding("item cache", "bad", f"{root}: {error.strerror}", remedy)
        return
    free = shutil.disk_usage(root).free
    text = f"{root}, {free / 2**30:.0f} GiB free"
    if free < SPACE:
        yield Finding("item cache", "note", text, "a real corpus needs more: set AFFECTFLOW_CACHE to a larger disk")
    else:
        yield Finding("item cache", "ok", text)


def _git() -> Iterator[Finding]:
    where = shutil.which("git")
    yield Finding("git", "ok" if where else "bad", where or "not found", "" if where else "install git")


def _dvc() -> Iterator[Finding]:
    try:
        found = version("dvc")
    except PackageNotFoundError:
        yield Finding("DVC", "bad", "not installed", "make install")
        return
    if not Path(".dvc").is_dir():
        yield Finding("DVC", "bad", f"{found}, but this folder is no DVC repository", "run it in the root of a clone")
    elif shutil.which("dvc") is None:
        remedy = "source .venv/bin/activate"
        yield Finding("DVC", "note", f"{found}, but `dvc` is not on the path", remedy)
    else:
        yield Finding("DVC", "ok", found)


def _remote() -> Iterator[Finding]:
    command = [sys.executable, "-m", "dvc", "remote", "list"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    remotes = done.stdout.split()
    if remotes:
        yield Finding("DVC remote", "ok", remotes[0])
    else:
        yield Finding("DVC remote", "note", "none: results stay on this machine", "see docs/teams.md")
