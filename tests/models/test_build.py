import pytest

from pipeline.config import Params
from pipeline.models.build import build_network, check_models, stream_roles
from pipeline.models.config import ModelConfig
from pipeline.runtime.errors import ConfigError

RANGES = [(-1.0, 1.0), (-1.0, 1.0)]


def _params(**model: object) -> Params:
    return Params.model_validate(
        {
            "corpus": {"kind": "affwild2", "root": "corpus", "index": "index.csv"},
            "backbones": {"ir50": {"weights": "random"}, "vggish": {"weights": "random"}},
            "models": {"mine": {"fusion": "gated_joint_cross_attention", "streams": ("ir50", "vggish")} | model},
        }
    )


def test_roles_are_modalities_and_a_second_stream_is_numbered() -> None:
    assert stream_roles(["visual", "audio", "audio"]) == ("visual", "audio", "audio_2")


def test_a_network_is_built_from_names_and_options() -> None:
    config = ModelConfig(
        fusion="gated_joint_cross_attention",
        streams=("ir50", "vggish"),
        encoders={"visual": {"channels": [8, 6]}, "audio": {"channels": [4]}},
        options={"iterations": 3},
    )
    network = build_network(config, in_features={"visual": 10, "audio": 5}, length=7, ranges=RANGES)
    shapes = {name: tuple(parameter.shape) for name, parameter in network.named_parameters()}
    assert shapes["steps.2.W_ca"] == (4, 4)
    assert shapes["W_gf_v"] == (18, 3)


def test_an_encoder_for_a_role_that_is_not_there_is_refused() -> None:
    config = ModelConfig(fusion="unimodal", streams=("ir50",), encoders={"audio": {}})
    with pytest.raises(ConfigError, match=r"'audio'.*visual"):
        build_network(config, in_features={"visual": 10}, length=7, ranges=RANGES)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"fusion": "gated_joint_cros_attention"}, r"models\.mine\.fusion.*did you mean 'gated_joint_cross_attention'"),
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
