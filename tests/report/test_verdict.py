import pytest

from pipeline.backbones.common.config import BackboneConfig
from pipeline.evaluation.config import EnsembleConfig
from pipeline.report.significance import Difference, Interval
from pipeline.report.tables import CccTable, Line
from pipeline.report.verdict import caution, listed, made_of, standing, trained

INTERVAL = Interval(0.1, 0.9)
TABLE = CccTable(
    lines=tuple(
        Line(model, figure, {0: (value - 0.1,), 1: (value + 0.1,)}, INTERVAL)
        for model, value in (("visual", 0.4), ("grjca", 0.6), ("audio", 0.3))
        for figure in ("valence", "P")
    ),
    note="",
)
TRAINED = BackboneConfig(weights="x.pth", sha256="00")
RANDOM = BackboneConfig(weights="random")


def differences(*clear: bool) -> list[Difference]:
    return [
        Difference("grjca", model, "P", value, Interval(0.1 if sure else -0.1, 0.5))
        for model, value, sure in zip(("visual", "audio"), (0.2, 0.3), clear, strict=True)
    ]


@pytest.mark.parametrize(
    ("clear", "said"),
    [
        ((True, True), "the 95\u00a0% intervals of its differences from visual and audio exclude zero."),
        (
            (False, False),
            "the 95\u00a0% intervals of its differences from visual and audio include zero, "
            "so on these trials the order may be chance.",
        ),
        (
            (False, True),
            "the 95\u00a0% interval of its difference from visual includes zero; that from audio excludes it.",
        ),
    ],
)
def test_the_leader_is_named_with_what_speaks_for_it(clear: tuple[bool, bool], said: str) -> None:
    text = standing(TABLE, differences(*clear), trials=22)
    assert text.startswith("The model grjca has the highest mean validation P, 0.600 (SD 0.141 over 2 folds")
    assert "0.200 above visual. Over the choice of the 22 validation trials, the 95" in text
    assert text.endswith(said)


def test_a_single_model_is_not_compared() -> None:
    only = CccTable(lines=(Line("m", "P", {0: (0.5,)}, INTERVAL),), note="")
    assert standing(only, [], trials=4) == (
        "The model m has a mean validation P of 0.500 (SD 0.000 over one fold; P is the mean CCC of the targets)."
    )


def test_repeats_are_said_and_resampled() -> None:
    lines = [
        Line(model, "P", {0: (value - 0.1, value), 1: (value, value + 0.1)}, INTERVAL)
        for model, value in (("visual", 0.4), ("grjca", 0.6))
    ]
    text = standing(CccTable(tuple(lines), note=""), differences(True, True)[:1], trials=9)
    assert "0.600 (SD 0.071 over 2 folds and 0.071 over 2 repeats; P is" in text
    assert text.endswith(
        "Over the choice of the 9 validation trials and of repeats, "
        "the 95\u00a0% interval of its difference from visual excludes zero."
    )
    once = Line("audio", "P", {0: (0.3,), 1: (0.3,)}, INTERVAL)
    text = standing(CccTable((*lines, once), note=""), differences(True, True), trials=9)
    assert "Over the choice of the 9 validation trials, the" in text


@pytest.mark.parametrize(
    ("repeats", "said"),
    [
        ({"a": 1, "b": 1}, "Each fold was trained once: how far another seed would move these figures is unknown."),
        ({"a": 3, "b": 3}, "Each fold was trained with 3 seeds; a fold's figure is the mean over these repeats."),
        (
            {"a": 1, "b": 5, "c": 3, "d": 5, "e": 1},
            "Each fold was trained with 3 seeds for c and with 5 seeds for b and d; a fold's figure is the mean over "
            "these repeats. For a and e it was trained once: how far another seed would move these figures is unknown.",
        ),
    ],
)
def test_how_often_folds_were_trained_is_said_plainly(repeats: dict[str, int], said: str) -> None:
    assert trained(repeats) == said


def test_an_ensemble_is_called_one() -> None:
    lead = Line("both", "P", {0: (0.7,)}, INTERVAL, members=("visual", "grjca"))
    table = CccTable(lines=(*TABLE.lines, lead), note="")
    others = [Difference("both", "grjca", "P", 0.1, INTERVAL)]
    assert standing(table, others, trials=9).startswith("The ensemble both has the highest mean validation P, 0.700")
    ensembles = {
        "both": EnsembleConfig(models=("visual", "grjca")),
        "all": EnsembleConfig(models=("visual", "audio", "grjca"), combine="ccc_centred"),
    }
    assert made_of(ensembles) == (
        "both is an ensemble: the mean of visual and grjca. "
        "all is an ensemble: the CCC-centred mean of visual, audio and grjca."
    )
    assert made_of({}) == ""


def test_random_weights_and_another_corpus_are_said_plainly() -> None:
    text = caution({"ir50": RANDOM, "vggish": RANDOM}, kind="affwild2", trials=24, published=True)
    assert "not comparable with the published ones" in text
    assert "all backbones run with random weights" in text
    assert "Published numbers stand beside them" in text
    assert "stand beside" not in caution({"ir50": RANDOM}, kind="table", trials=24, published=False)
    assert "24 trials" in text
    some = caution({"ir50": RANDOM, "vggish": TRAINED}, kind="affwild2", trials=594, published=True)
    assert "ir50 runs with random weights" in some
    assert "trials" not in some
    alone = caution({"ir50": RANDOM}, kind="affwild2", trials=594, published=True)
    assert "its only backbone runs with random" in alone
    assert "24 trials" in caution({"ir50": TRAINED}, kind="affwild2", trials=24, published=True)
    assert caution({"ir50": TRAINED}, kind="affwild2", trials=594, published=True) == ""
    assert caution({"ir50": TRAINED}, kind="recola", trials=18, published=True) == ""


def test_names_are_joined_as_in_prose() -> None:
    assert [listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])] == ["a", "a and b", "a, b and c"]
