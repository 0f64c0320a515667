import json
import subprocess
import sys

import pytest

from pipeline.backbones.common.interface import available_backbones, load_backbone
from pipeline.runtime.code import import_closure
from pipeline.runtime.errors import ConfigError

INTERFACES = {
    "cnn2d_audio": ("audio", 512, {"audio_44100"}),
    "cnn2d_visual": ("visual", 512, {"faces"}),
    "i3d": ("visual", 1024, {"faces_112"}),
    "ir50": ("visual", 512, {"faces"}),
    "logmel_vgg": ("audio", 128, {"audio_44100"}),
    "r2plus1d": ("visual", 512, {"faces_112"}),
    "resnet18_audio": ("audio", 512, {"audio_44100"}),
    "resnet50": ("visual", 2048, {"faces"}),
    "vggish": ("audio", 128, {"audio"}),
}


def test_the_backbones_there_are() -> None:
    assert set(available_backbones()) == set(INTERFACES)
    for name, interface in INTERFACES.items():
        backbone = load_backbone(name)
        assert (backbone.MODALITY, backbone.DIMENSION, set(backbone.DATASETS)) == interface
        assert json.loads(json.dumps(backbone.FRONT_END)) == backbone.FRONT_END != {}
        assert all(callable(getattr(backbone, function)) for function in ("build", "embed", "valid")), name


@pytest.mark.parametrize("name", ["ir51", "weights", "../ir50", ""])
def test_an_unknown_backbone_is_refused_with_those_there_are(name: str) -> None:
    with pytest.raises(ConfigError, match=r"no backbone .*ir50.*vggish"):
        load_backbone(name)


def test_finding_one_imports_no_other() -> None:
    code = "from pipeline.backbones.common.interface import load_backbone; load_backbone('ir50')"
    code += "; import sys; print(sorted(name for name in sys.modules if 'vggish' in name))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_one_backbones_code_does_not_reach_another() -> None:
    visual, audio = import_closure("pipeline.backbones.ir50"), import_closure("pipeline.backbones.vggish")
    assert "pipeline.backbones.common.drawn_faces" in visual
    assert "pipeline.backbones.vggish.front_end" in audio
    assert not [name for name in visual if "vggish" in name or "sound" in name]
    assert not [name for name in audio if "ir50" in name or "faces" in name.rpartition("backbones")[2]]


def test_no_backbone_imports_a_sibling() -> None:
    for name in available_backbones():
        modules = [module.split(".") for module in import_closure(f"pipeline.backbones.{name}")]
        entered = {parts[2] for parts in modules if parts[:2] == ["pipeline", "backbones"] and len(parts) > 2}
        assert entered == {"common", name}


def test_the_item_functions_code_holds_neither_executor_nor_item_cache() -> None:
    reached = set(import_closure("pipeline.backbones.common.embed"))
    assert "pipeline.backbones.common.crops" in reached
    assert not reached & {"pipeline.runtime.executor", "pipeline.runtime.items"}
