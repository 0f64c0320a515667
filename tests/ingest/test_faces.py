from pathlib import Path

import numpy as np

from pipeline.corpora.digest import FolderDigest
from pipeline.ingest.faces import read_faces
from pipeline.media.images import decode_sizes
from tests.media_factory import picture


def test_a_crop_belongs_to_the_frame_of_its_number(tmp_path: Path) -> None:
    for number in (1, 3, 4, 9):
        (tmp_path / f"{number:05d}.jpg").write_bytes(picture(64, seed=number))
    (tmp_path / ".DS_Store").write_bytes(b"x")
    faces = read_faces(tmp_path, frames=5, size=48)
    assert faces.valid.tolist() == [True, False, True, True, False]
    assert faces.numbers == (1, 3, 4, 9)
    assert faces.problems == ()
    for frame in (0, 2, 3):
        np.testing.assert_array_equal(faces.pixels[frame], decode_sizes(picture(64, seed=frame + 1), (48,))[0])
        assert faces.pixels[frame].any()
    assert not faces.pixels[[1, 4]].any()
    digest = FolderDigest()
    for number in faces.numbers:
        digest.add(f"{number:05d}.jpg", picture(64, seed=number))
    assert faces.digest == digest.hexdigest()


def test_a_crop_that_cannot_be_decoded_is_named(tmp_path: Path) -> None:
    (tmp_path / "00001.jpg").write_bytes(b"")
    faces = read_faces(tmp_path, frames=1, size=48)
    assert faces.problems[0].file == str(tmp_path / "00001.jpg")
    assert not faces.valid.any()
