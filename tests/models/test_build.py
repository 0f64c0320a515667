import pytest

from pipeline.checks import check_models
from pipeline.config import Params
from pipeline.fusion.blocks.head import NormalisedHead, RegressionHead
from pipeline.models.build import build_network, constructor_options, stream_roles
from pipeline.models.config import ModelConfig
from pipeline.runtime.errors import ConfigError

RANGES = [(-1.0, 1.0), (-1.0, 1.0)]
ENTRY = {"fusion": "gated_joint_cross_attention", "streams": ("ir50", "vggish"), "temporal": "tcn"}


def _params(**model: object) -> Params:
    return Params.model_validate(
        {
            "corpus": {"kind": "affwild2", "root": "corpus", "index": "index.csv"},
            "backbones": {"ir50": {"weights": "random"}, "vggish": {"weights": "random"}},
            "models": {"mine": ENTRY | model},
        }
    )


def test_roles_are_modalities_and_a_second_stream_is_numbered() -> None:
    assert stream_roles(["visual", "audio", "audio"]) == ("visual", "audio", "audio_2")


def test_a_network_is_built_from_names_and_options() -> None:
    config = ModelConfig(
        fusion="gated_joint_cross_attention",
        streams=("ir50", "vggish"),
        temporal="tcn",
        encoders={"visual": {"channels": [8, 6]}, "audio": {"channels": [4]}},
        options={"iterations": 3},
    )
    network = build_network(config, in_features={"visual": 10, "audio": 5}, length=7, ranges=RANGES)
    shapes = {name: tuple(parameter.shape) for name, parameter in network.named_parameters()}
    assert shapes["system.steps.2.W_ca"] == (4, 4)
    assert shapes["system.W_gf_v"] == (18, 3)


def test_options_are_the_systems_or_its_heads() -> None:
    own = ModelConfig(
        fusion="cross_modal_attention",
        streams=("ir50", "vggish"),
        temporal="identity",
        options={"width": 4, "hidden": 7, "dropout": 0.25, "bounded": True},
    )
    network = build_network(own, in_features={"visual": 10, "audio": 5}, length=7, ranges=RANGES)
    assert network.system.out_features == 10 + 4
    assert isinstance(network.head, NormalisedHead)
    assert (network.head.linear1.out_features, network.head.dropout.p, network.head.bounded) == (7, 0.25, True)


def test_a_systems_own_defaults_of_the_head_hold_unless_options_say_otherwise() -> None:
    for options, hidden, dropout in (({}, None, 0.0), ({"hidden": 6, "dropout": 0.5}, 6, 0.5)):
        config = ModelConfig(
            fusion="leader_follower", streams=("ir50", "vggish"), temporal="identity", options=dict(options)
        )
        head = build_network(config, in_features={"visual": 10, "audio": 5}, length=7, ranges=RANGES).head
        assert isinstance(head, RegressionHead)
        assert (len(head.mlp) == 1) == (hidden is None)
        assert head.dropout.p == dropout


def test_options_are_the_keywords_that_have_a_default() -> None:
    options = constructor_options(RegressionHead, NormalisedHead)
    assert set(options) == {"hidden", "dropout", "bounded"}
    assert options["bounded"].annotation is bool


def test_an_encoder_for_a_role_that_is_not_there_is_refused() -> None:
    config = ModelConfig(fusion="unimodal", streams=("ir50",), temporal="tcn", encoders={"audio": {}})
    with pytest.raises(ConfigError, match=r"'audio'.*visual"):
        build_network(config, in_features={"visual": 10}, length=7, ranges=RANGES)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"fusion": "gated_joint_cros_attention"}, r"models\.mine\.fusion.*did you mean 'gated_joint_cross_attention'"),
        ({"options": {"hiden": 4}}, r"models\.mine\.options\.hiden.*did you mean 'hidden'"),
        ({"options": {"dropout": "half"}}, r"models\.mine\.options\.dropout.*'half'"),
        ({"temporal": "tnc"}, r"models\.mine\.temporal.*did you mean 'tcn'"),
        ({"options": {"iteratons": 2}}, r"models\.mine\.options\.iteratons.*did you mean 'iterations'"),
        ({"options": {"iterations": "two"}}, r"models\.mine\.options\.iterations.*'two'"),
        ({"encoders": {"visual": {"chanels": [3]}}}, r"models\.mine\.encoders\.visual\.chanels.*'channels'"),
    ],
)
def test_what_a_model_line_gets_wrong_is_named_before_anything_runs(model: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_models(_params(**model))


def test_all_wrong_options_are_listed_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        check_models(_params(options={"iteratons": 2, "temprature": 1.0}))
    assert str(caught.value).count("unknown") == 2
