import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.finetuning.config import FinetuneConfig
from pipeline.finetuning.tunable import load_tunable, tunable_backbones

TEXT = (Path(__file__).parents[2] / "docs" / "finetuning.md").read_text(encoding="utf-8")
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in TEXT.splitlines() if line.startswith("| `")]


def test_the_table_of_parameters_is_complete_and_has_the_defaults() -> None:
    defaults = FinetuneConfig().model_dump(mode="json")
    found = {row[0].strip("`"): row[1] for row in ROWS if row[0].strip("`") in defaults}
    assert sorted(found) == sorted(defaults)
    for name, value in found.items():
        written = yaml.safe_load(value)
        assert (float(written) if isinstance(defaults[name], float) else written) == defaults[name], name


def test_the_table_of_groups_is_what_is_released() -> None:
    found = {row[0].strip("`"): tuple(tuple(re.findall(r"`(.+?)`", cell)) for cell in row[1:4]) for row in ROWS}
    assert len(tunable_backbones()) >= 2
    for name in tunable_backbones():
        assert found[name] == load_tunable(name).RELEASE


def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline.finetuning.loop import finetune_fold
    from tests.finetuning.factory import make_task, narrow_backbones, train_base, write_clips

    monkeypatch.chdir(tmp_path)
    with narrow_backbones():
        clips = write_clips(tmp_path / "clips")
        base = train_base(tmp_path / "base", clips)
        Path("models/grjca-finetuned").mkdir(parents=True)
        Path("data/clips").mkdir(parents=True)
        Path("data/clips/video1.h5").symlink_to(clips / "f.h5")
        (tmp_path / "out").mkdir()
        finetune_fold(make_task(tmp_path, clips, base, epochs=1, windows=2), tmp_path / "out")
        Path("models/grjca-finetuned/fold0.safetensors").symlink_to(tmp_path / "out" / "fold.safetensors")
        (code,) = re.findall(r"```python\n(.+?)```", TEXT, flags=re.DOTALL)
        names: dict[str, Any] = {}
        exec(code, names)
    assert names["answer"].predictions.shape == (55, 2)
