from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from pipeline.backbones.common.interface import available_backbones, is_framewise, load_backbone
from pipeline.backbones.common.weights import Weights
from pipeline.clips.settings import ClipSettings
from pipeline.clips.target import Target
from pipeline.inference import features
from pipeline.inference.features import cut_pieces, embed_piece, plan_pieces, read_pieces
from pipeline.inference.recording import Person, StoredClip
from pipeline.models.recipe import StreamRecipe

FRAMES = 14


def test_pieces_hold_whole_batches_of_faces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "PIECE", 6)
    valid = np.ones(20, bool)
    valid[[1, 2, 9, 17, 18, 19]] = False
    assert cut_pieces(valid, batch=4, framewise=True) == [(0, 6), (6, 11), (11, 15), (15, 20)]
    assert [int(valid[first:last].sum()) for first, last in cut_pieces(valid, batch=4, framewise=True)] == [4, 4, 4, 2]
    assert cut_pieces(valid, batch=3, framewise=True) == [(0, 8), (8, 15), (15, 20)]
    assert cut_pieces(valid, batch=4, framewise=False) == [(0, 20)]
    assert cut_pieces(np.zeros(5, bool), batch=4, framewise=True) == [(0, 5)]


@pytest.mark.parametrize("count", [1, 255, 256, 257, 700])
def test_pieces_cover_every_frame_once(count: int) -> None:
    valid = np.random.default_rng(count).random(count) < 0.7
    pieces = cut_pieces(valid, batch=32, framewise=True)
    assert [first for first, _ in pieces][1:] == [last for _, last in pieces][:-1]
    assert (pieces[0][0], pieces[-1][1]) == (0, count)
    assert all(valid[first:last].sum() == 256 for first, last in pieces[:-1])


def store(folder: Path, pixels: npt.NDArray[np.uint8], valid: npt.NDArray[np.bool_]) -> StoredClip:
    size = pixels.shape[1]
    np.save(folder / "time.npy", np.arange(len(valid)) / 25)
    np.save(folder / "face_valid.npy", valid)
    np.save(folder / f"faces_{size}.npy", pixels)
    settings = ClipSettings(face_size=size, sample_rate=16000)
    return StoredClip("v", folder, folder, settings, 25.0, (Target("valence", -1, 1),))


def visual() -> list[str]:
    return [name for name in available_backbones() if load_backbone(name).MODALITY == "visual"]


def test_some_backbones_may_be_cut_and_those_of_several_frames_may_not() -> None:
    assert {"ir50": True, "resnet50": True, "i3d": False, "r2plus1d": False}.items() <= {
        name: is_framewise(load_backbone(name)) for name in visual()
    }.items()
    assert not is_framewise(load_backbone("vggish"))


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in visual() if is_framewise(load_backbone(name))])
def test_embeddings_in_pieces_are_those_of_the_whole_clip(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = load_backbone(name)
    size = 40 if name == "ir50" else 112
    random = np.random.default_rng(1)
    valid = np.ones(FRAMES, bool)
    valid[[0, 5]] = False
    pixels = random.integers(0, 256, (FRAMES, size, size, 3), dtype=np.uint8) * valid[:, None, None, None]
    person = Person(store(tmp_path, pixels, valid), np.where(valid[:, None], 1.0, np.nan) * np.ones(3))
    stream = StreamRecipe.of(
        {
            "backbone": name,
            "modality": "visual",
            "dimension": package.DIMENSION,
            "weights": {"name": "random", "seed": 0},
            "precision": "float32",
            "batch": 4,
            "store": "float16",
            "front_end": package.FRONT_END,
        }
    )

    def embedded(piece: int) -> npt.NDArray[np.generic]:
        monkeypatch.setattr(features, "PIECE", piece)
        work = tmp_path / str(piece)
        work.mkdir()
        (pieces,) = plan_pieces(
            (person,), {"visual": stream}, weights={"visual": Weights()}, precision=lambda _: "float32", work=work
        ).values()
        assert len(pieces) == (3 if piece < FRAMES else 1)
        for one in pieces:
            embed_piece(one)
        joined: npt.NDArray[np.generic] = read_pieces(pieces)
        return joined

    whole = embedded(1000)
    assert whole.shape == (FRAMES, package.DIMENSION)
    assert whole.dtype == np.float16
    np.testing.assert_array_equal(embedded(4), whole)
