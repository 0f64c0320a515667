import subprocess
import sys

import pytest

from pipeline.backbones.common.interface import available_backbones, load_backbone
from pipeline.runtime.code import import_closure
from pipeline.runtime.errors import ConfigError


def test_the_backbones_there_are():
    names = available_backbones()
    assert {"ir50", "vggish"} <= set(names)
    for name in names:
        backbone = load_backbone(name)
        assert backbone.MODALITY in ("visual", "audio")
        assert backbone.DIMENSION > 0
        assert backbone.FRONT_END
        assert backbone.NEEDS
        assert all(callable(getattr(backbone, function)) for function in ("build", "embed", "valid")), name


@pytest.mark.parametrize("name", ["ir51", "weights", "../ir50", ""])
def test_an_unknown_backbone_is_refused_with_those_there_are(name):
    with pytest.raises(ConfigError, match=r"no backbone .*ir50.*vggish"):
        load_backbone(name)


def test_finding_one_imports_no_other():
    code = "from pipeline.backbones.common.interface import load_backbone; load_backbone('ir50')"
    code += "; import sys; print(sorted(name for name in sys.modules if 'vggish' in name))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_one_backbones_code_does_not_reach_another():
    visual, audio = import_closure("pipeline.backbones.ir50"), import_closure("pipeline.backbones.vggish")
    assert "pipeline.backbones.common.random_faces" in visual
    assert "pipeline.backbones.vggish.log_mel" in audio
    assert not [name for name in visual if "vggish" in name or "log_mel" in name]
    assert not [name for name in audio if "ir50" in name or "faces" in name.rpartition("backbones")[2]]
