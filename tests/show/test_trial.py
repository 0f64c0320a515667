import re
import shutil
from pathlib import Path

import pytest

from pipeline.config import Params, load
from pipeline.corpora.index_table import IndexRow, write_index
from pipeline.runtime.errors import InputError
from pipeline.show.page import render
from pipeline.show.trial import find
from tests.evaluation.synthetic import labelled_trials, write_project


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("show") / "root"
    write_project(root)
    rows = [
        IndexRow(trial, "train", trial, f"raw_videos/{trial}.mp4", "", "", "", 0, "0" * 64)
        for trial in labelled_trials()
    ]
    write_index(root / "index.csv", rows)
    return root


@pytest.fixture
def project(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "root"))


@pytest.fixture
def params(made: Path) -> Params:
    return load(made / "params.yaml")


def test_a_trial_is_found_with_its_video_and_every_model(project: Path, params: Params) -> None:
    video = project / "corpus" / "raw_videos" / "trial02.mp4"
    video.parent.mkdir()
    video.write_bytes(b"x")
    shown = find("trial02", params, root=project)
    assert (shown.video, shown.separate_sound, shown.unread) == (video, False, ())
    assert list(shown.models) == ["visual", "audio", "grjca"]
    assert find("trial03", params, root=project).video is None
    assert find("test01", params, root=project).models["grjca"].labels is None


def test_models_that_are_not_evaluated_are_left_out(project: Path, params: Params) -> None:
    shutil.rmtree(project / "predictions" / "audio")
    shown = find("trial02", params, root=project)
    assert (list(shown.models), shown.unread) == (["visual", "grjca"], ("audio",))
    shutil.rmtree(project / "predictions")
    with pytest.raises(InputError, match=r"no model predicts it.*dvc repro evaluate"):
        find("trial02", params, root=project)


def test_an_unknown_name_gets_the_nearest(project: Path, params: Params) -> None:
    with pytest.raises(InputError, match=r"no trial 'trail02'; did you mean 'trial0\d'\?"):
        find("trail02", params, root=project)
    with pytest.raises(InputError, match="no trial 'zzz'; known: test00, "):
        find("zzz", params, root=project)


def test_the_page_shows_every_frame_and_plays_the_video_where_there_is_one(project: Path, params: Params) -> None:
    shown = find("trial02", params, root=project)
    page = render(shown, params, root=project, notes=["A <note>."])
    assert "<h1>trial02</h1>" in page
    assert "A &lt;note&gt;." in page
    assert "<video" not in page
    assert page.count("<option>") == 1
    assert re.search(r'<div class="choose" hidden>', page)
    frames = len(shown.models["grjca"].time)
    packed = re.search(r'"columns":\{"label/0":"([^"]+)"', page)
    assert packed
    assert len(packed[1]) == 4 * -(-2 * frames // 3)
