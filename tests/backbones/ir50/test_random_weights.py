import numpy as np
import pytest
import torch

from pipeline.backbones import ir50
from pipeline.backbones.common.drawn_faces import draw_faces
from pipeline.backbones.common.weights import Weights
from pipeline.demo.face import Expression, Pen, draw
from pipeline.demo.looks import looks_of
from tests.backbones.decoding import held_out_r2
from tests.backbones.randomness import misfit


def test_a_seed_makes_the_same_weights_whatever_was_drawn_before(random_ir50: ir50.IR50) -> None:
    torch.manual_seed(1)
    state = torch.random.get_rng_state()
    again = ir50.build(Weights())
    assert torch.equal(torch.random.get_rng_state(), state)
    for key, value in random_ir50.state_dict().items():
        assert torch.equal(again.state_dict()[key], value), key


def test_another_seed_makes_other_weights(random_ir50: ir50.IR50) -> None:
    other = ir50.build(Weights(seed=1)).state_dict()
    weights = {key: value for key, value in random_ir50.state_dict().items() if value.ndim > 1}
    assert len(weights) > 50
    assert not any(torch.equal(other[key], value) for key, value in weights.items())


def test_the_norms_fit_what_reaches_them(random_ir50: ir50.IR50) -> None:
    """Faces that the norms were not measured on leave every one of them with about zero mean and unit variance."""
    faces = draw_faces(16, size=40, reach=40 / 48, per_identity=2, seed=99)
    found = misfit(random_ir50, torch.from_numpy(faces))
    assert len(found) > 50
    assert all(abs(mean) < 0.5 and 0.5 < deviation < 2 for mean, deviation in found.values()), found


def drawn_face(subject: str, smile: float, alert: float, random: np.random.Generator) -> np.ndarray:
    """Crop as a corpus has it: place, tilt, speech and gaze vary on their own."""
    canvas = np.full((48, 48, 3), 170, dtype=np.uint8)
    tilt, x, y = random.normal(0, 0.02, 3)
    matrix = 24 * np.array([[np.cos(tilt), -np.sin(tilt), 1 + x], [np.sin(tilt), np.cos(tilt), 1 + y]])
    turn, nod = random.normal(0, 0.02, 2)
    expression = Expression(smile=smile, alert=alert, mouth=random.uniform() ** 2, turn=turn, nod=nod)
    draw(Pen(canvas, matrix), looks_of(0, subject), expression)
    return canvas


@pytest.mark.slow
def test_an_expression_can_be_read_off_the_features_of_unknown_faces(random_ir50: ir50.IR50) -> None:
    random = np.random.default_rng(0)
    expressions = random.uniform(-1.5, 1.5, (360, 2))
    identity = np.arange(360) // 30
    faces = [
        drawn_face(f"s{who}", smile, alert, random) for who, (smile, alert) in zip(identity, expressions, strict=True)
    ]
    pixels = ir50.normalise(torch.from_numpy(ir50.centre_crop(np.stack(faces)).copy()))
    with torch.inference_mode():
        features = torch.cat([random_ir50(part) for part in torch.split(pixels, 32)]).numpy()
    r2 = held_out_r2(features, expressions, identity)
    assert (r2 > 0.6).all(), r2
