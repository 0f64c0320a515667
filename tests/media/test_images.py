import cv2
import numpy as np
import pytest

from pipeline.media.images import decode_sizes, image_size
from tests.media_factory import picture


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_size_from_the_header(suffix: str) -> None:
    image = np.zeros((40, 70, 3), np.uint8)
    data = cv2.imencode(suffix, image)[1].tobytes()
    assert image_size(data) == (70, 40)


def test_a_progressive_jpeg() -> None:
    image = np.random.default_rng(0).integers(0, 256, (33, 44, 3), dtype=np.uint8)
    data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
    assert image_size(data) == (44, 33)


def test_a_thumbnail_in_the_header_is_not_the_picture() -> None:
    data, thumbnail = picture(64), picture(16)
    segment = b"\xff\xe1" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail
    with_thumbnail = data[:2] + segment + data[2:]
    assert image_size(with_thumbnail) == (64, 64)
    with pytest.raises(ValueError, match="breaks off"):
        image_size(with_thumbnail[:-200])


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
def test_a_picture_that_breaks_off(suffix: str, share: float) -> None:
    data = picture(64, suffix=suffix)
    with pytest.raises(ValueError, match="breaks off"):
        image_size(data[: int(share * len(data))])


@pytest.mark.parametrize("data", [b"", b"hello", b"GIF89a" + bytes(50)])
def test_what_is_no_picture(data: bytes) -> None:
    with pytest.raises(ValueError, match="neither JPEG nor PNG"):
        image_size(data)
    with pytest.raises(ValueError, match="neither JPEG nor PNG"):
        decode_sizes(data, (48,))


def test_a_picture_that_the_decoder_refuses() -> None:
    data = picture(64, suffix=".png")
    broken = data[:40] + bytes(20) + data[60:]
    assert image_size(broken) == (64, 64)
    with pytest.raises(ValueError, match="cannot be decoded"):
        decode_sizes(broken, (48,))


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_a_header_that_claims_gigabytes_is_refused_before_memory_is_given(
    suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = picture(64, suffix=suffix)
    old, new = (
        ((64).to_bytes(4, "big") * 2, (60_000).to_bytes(4, "big") * 2)
        if suffix == ".png"
        else ((64).to_bytes(2, "big") * 2, (60_000).to_bytes(2, "big") * 2)
    )
    assert data.count(old) == 1
    claim = data.replace(old, new)
    assert image_size(claim) == (60_000, 60_000)
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("the decoder was called"))
    with pytest.raises(ValueError, match="the header claims 60000 x 60000 pixels"):
        decode_sizes(claim, (48,))


def test_colours_are_red_green_blue() -> None:
    red_in_bgr = np.full((112, 112, 3), (0, 0, 255), np.uint8)
    (face,) = decode_sizes(cv2.imencode(".png", red_in_bgr)[1].tobytes(), (48,))
    assert face.shape == (48, 48, 3)
    assert face.dtype == np.uint8
    np.testing.assert_array_equal(face[20, 20], [255, 0, 0])


def test_shrinking_averages_areas() -> None:
    checks = np.kron(np.indices((48, 48)).sum(0) % 2 * 255, [[1, 0], [0, 1]]).astype(np.uint8)
    (face,) = decode_sizes(cv2.imencode(".png", np.repeat(checks[:, :, None], 3, 2))[1].tobytes(), (48,))
    expected = checks.reshape(48, 2, 48, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(face[:, :, 0], expected, atol=1)
