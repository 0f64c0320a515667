import numpy as np
import pytest

from pipeline.backbones.common.datasets import faces_of, sound_of
from pipeline.backbones.common.interface import available_backbones, load_backbone
from pipeline.checks import check_backbones, missing_datasets
from pipeline.config import Params
from pipeline.ingest.config import ClipsConfig
from pipeline.runtime.errors import ConfigError, InputError
from pipeline.runtime.section import validate
from tests.backbones.clips import make_clip


def test_faces_and_sound_of_any_kind_are_always_there() -> None:
    assert missing_datasets({"faces", "audio"}, ClipsConfig()) == []


def test_a_dataset_may_be_the_first_or_a_further_one() -> None:
    datasets = {"faces_112", "audio_44100"}
    assert missing_datasets(datasets, ClipsConfig(face_size=112, sample_rate=44100)) == []
    assert missing_datasets(datasets, ClipsConfig(other_face_sizes=(64, 112), other_sample_rates=(44100,))) == []
    assert missing_datasets(datasets, ClipsConfig(other_face_sizes=(64,))) == [
        "expects sound at 44100 Hz: add 44100 to `clips.other_sample_rates`",
        "expects faces of 112 pixels: add 112 to `clips.other_face_sizes`",
    ]


def test_every_backbone_names_datasets_that_a_clip_can_hold() -> None:
    everything = ClipsConfig(other_face_sizes=(112,), other_sample_rates=(44100,))
    names = available_backbones()
    assert len(names) >= 9
    for name in names:
        backbone = load_backbone(name)
        kinds = {dataset.partition("_")[0] for dataset in backbone.DATASETS}
        assert kinds == {"faces" if backbone.MODALITY == "visual" else "audio"}, name
        assert missing_datasets(backbone.DATASETS, everything) == []


def params(clips: dict[str, list[int]]) -> Params:
    data = {
        "corpus": {"kind": "affwild2", "root": "r", "index": "i"},
        "clips": clips,
        "backbones": {name: {"weights": "random"} for name in ("ir50", "i3d", "resnet18_audio")},
        "models": {"m": {"fusion": "unimodal", "streams": ["ir50"], "temporal": "tcn"}},
    }
    return validate(Params, data, at="params.yaml")


def test_all_missing_datasets_are_listed_at_once() -> None:
    with pytest.raises(ConfigError) as error:
        check_backbones(params({}))
    assert str(error.value).splitlines() == [
        "params.yaml:",
        "  backbones.i3d expects faces of 112 pixels: add 112 to `clips.other_face_sizes`",
        "  backbones.resnet18_audio expects sound at 44100 Hz: add 44100 to `clips.other_sample_rates`",
    ]
    check_backbones(params({"other_face_sizes": [112], "other_sample_rates": [44100]}))


def test_a_dataset_is_found_in_a_clip() -> None:
    large, loud = np.zeros((3, 112, 112, 3), np.uint8), np.zeros(5, np.int16)
    clip = make_clip(frames=3, other_faces={112: large}, other_audio={44100: loud})
    assert faces_of(clip, 112) is large
    assert faces_of(clip, 48) is clip.faces
    assert sound_of(clip, 44100) is loud
    assert sound_of(clip, 16000) is clip.audio


def test_what_is_not_there_is_refused_with_the_remedy() -> None:
    clip = make_clip(frames=3)
    with pytest.raises(InputError, match=r"trial 7: faces of 48 pixels, .* 112 .*add 112 to `clips.other_face_sizes`"):
        faces_of(clip, 112)
    with pytest.raises(InputError, match=r"trial 7: sound at 16000 Hz, .* 44100 .*add 44100 to `clips.other_sample"):
        sound_of(clip, 44100)
