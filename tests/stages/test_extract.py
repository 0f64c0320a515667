import json
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from pipeline.backbones import ir50
from pipeline.backbones.common import extraction
from pipeline.clips.clip import Clip, write_clip
from pipeline.clips.further_datasets import write_further
from pipeline.clips.manifest import ManifestRow, write_manifest
from pipeline.features.store import FeatureStore
from pipeline.runtime import executor
from pipeline.runtime.code import Code
from pipeline.runtime.errors import ConfigError, InputError
from pipeline.runtime.files import sha256_file
from pipeline.runtime.items import ItemCache
from pipeline.runtime.materialise import materialise
from stages import extract
from tests.backbones.clips import make_clip

PARAMS = """
corpus: {{kind: affwild2, root: corpus, index: index.csv}}
backbones:
  ir50: {{weights: {weights}, seed: {seed}, store: {store}, batch: {batch}, precision: {precision}}}
models:
  visual: {{fusion: unimodal, temporal: tcn, streams: [ir50]}}
compute: {{engine: serial, device: cpu}}
"""
STORE = Path("data/features/ir50.zarr")


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AFFECTFLOW_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "argv", ["extract", "ir50"])
    write_params()
    write_clips(make_clip("7", frames=3), make_clip("video2_left", frames=4, seed=1))
    return tmp_path


@pytest.fixture
def embedded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The trials that are really embedded, in order."""
    names: list[str] = []

    def recording(*args: object, **kwargs: object) -> object:
        done = materialise(*args, **kwargs)  # type: ignore[arg-type]
        names.extend(done.computed)
        return done

    monkeypatch.setattr(extraction, "materialise", recording)
    return names


def write_params(**changes: object) -> None:
    values = {"weights": "random", "seed": 0, "store": "float16", "batch": 8, "precision": "float32"} | changes
    Path("params.yaml").write_text(PARAMS.format(**values))


def write_clips(*clips: Clip) -> None:
    folder = Path("data/clips")
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for clip in clips:
        write_clip(folder / f"{clip.trial}.h5", clip)
        rows.append(
            ManifestRow(
                trial=clip.trial,
                partition=clip.partition,
                subject=clip.subject,
                fps=clip.fps,
                frames=len(clip),
                labelled=int(clip.label_valid.sum()),
                faces=int(clip.face_valid.sum()),
                duration=len(clip.audio) / clip.sample_rate,
                digest=clip.digest(),
                media=clip.media_digest(),
                labels=clip.labels_digest(),
                further=write_further(clip.other_digests()),
            )
        )
    write_manifest(folder / "manifest.csv", rows)


def content() -> dict[str, bytes]:
    return {str(path.relative_to(STORE)): path.read_bytes() for path in STORE.rglob("*") if path.is_file()}


def test_what_comes_out() -> None:
    extract.main()
    store = FeatureStore.open(STORE)
    store.check(["7", "video2_left"])
    fingerprint = store.attributes.pop("fingerprint")
    assert len(fingerprint) == 64
    assert store.attributes == {
        "schema_version": 3,
        "backbone": "ir50",
        "modality": "visual",
        "dimension": 512,
        "weights": {"name": "random", "seed": 0},
        "precision": "float32",
        "batch": 8,
        "store": "float16",
        "arithmetic": "native",
        "front_end": ir50.FRONT_END,
        "trials": {trial: store.digest(trial) for trial in ("7", "video2_left")},
    }
    features = store.read("7")
    assert features.embedding.shape == (3, 512)
    assert features.embedding.dtype == np.float16
    assert features.valid.tolist() == [True, True, False]
    np.testing.assert_array_equal(features.time, [0, 0.04, 0.08])
    assert not any(str(Path.cwd()).encode() in data for data in content().values())


def test_nothing_is_computed_twice(embedded: list[str]) -> None:
    extract.main()
    before = content()
    extract.main()
    assert embedded == ["7", "video2_left"]
    assert content() == before


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"made": date(2020, 1, 1)}, "not a readable checkpoint of plain tensors: it pickles datetime.date"),
        ({"input_layer.0.weight": torch.zeros(3)}, "mis-shaped input_layer.0.weight: (3,) in the checkpoint"),
    ],
)
def test_a_weights_file_that_does_not_serve_is_reported_once_and_not_by_every_clip(
    content: object, message: str
) -> None:
    torch.save(content, "w.pth")
    write_params(weights=f"w.pth, sha256: {sha256_file(Path('w.pth'))}")
    with pytest.raises(InputError) as caught:
        extract.main()
    problems = [str(problem) for problem in caught.value.problems]
    assert len(problems) == len(set(problems))
    assert sum(message in problem for problem in problems) == 1
    assert not STORE.exists()


def test_an_added_clip_is_computed_alone_and_a_removed_one_disappears(embedded: list[str]) -> None:
    extract.main()
    embedded.clear()
    write_clips(make_clip("video2_left", frames=4, seed=1), make_clip("8", frames=3, seed=2))
    extract.main()
    assert embedded == ["8"]
    assert FeatureStore.open(STORE).trials == ("8", "video2_left")


def test_labels_do_not_reach_features_but_pictures_do(embedded: list[str]) -> None:
    extract.main()
    embedded.clear()
    labelled = make_clip("7", frames=3, labels=np.full((3, 2), 0.5, dtype=np.float32))
    write_clips(labelled, make_clip("video2_left", frames=4, seed=9))
    extract.main()
    assert embedded == ["video2_left"]


def test_further_datasets_of_a_clip_touch_only_features_that_read_them(
    embedded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = np.arange(44100, dtype=np.int16)
    further = {"clips": "{other_sample_rates: [44100], other_face_sizes: [56]}"}
    extract.main()
    embedded.clear()
    clips = [make_clip("7", frames=3), make_clip("video2_left", frames=4, seed=1)]
    faces = [np.zeros((len(clip), 56, 56, 3), dtype=np.uint8) for clip in clips]
    pairs = list(zip(clips, faces, strict=True))
    write_clips(*(replace(clip, other_audio={44100: sound}, other_faces={56: large}) for clip, large in pairs))
    extract.main()
    assert embedded == []
    add_backbone("cnn2d_audio", **further)
    monkeypatch.setattr(sys, "argv", ["extract", "cnn2d_audio"])
    extract.main()
    assert embedded == ["7", "video2_left"]
    write_clips(*(replace(clip, other_audio={44100: sound}) for clip in clips))
    extract.main()
    assert embedded == ["7", "video2_left"]
    write_clips(*(replace(clip, other_audio={44100: sound[::-1].copy()}) for clip in clips))
    extract.main()
    assert embedded == ["7", "video2_left"] * 2


def test_a_backbone_whose_datasets_clips_lack_is_refused_before_any_work(embedded: list[str]) -> None:
    add_backbone("cnn2d_audio")
    with pytest.raises(
        ConfigError, match=r"backbones\.cnn2d_audio expects sound at 44100 Hz: add 44100 to `clips.other_sample"
    ):
        extract.main()
    assert embedded == []


def add_backbone(name: str, **sections: str) -> None:
    write_params()
    path = Path("params.yaml")
    text = path.read_text().replace("models:", f"  {name}: {{weights: random, batch: 4}}\nmodels:")
    path.write_text(text + "".join(f"{section}: {values}\n" for section, values in sections.items()))


@pytest.mark.parametrize("changes", [{"seed": 1}, {"store": "float32"}, {"batch": 2}, {"precision": "bfloat16"}])
def test_every_parameter_that_reaches_the_result_counts(embedded: list[str], changes: dict[str, object]) -> None:
    write_clips(make_clip("7", frames=1))
    extract.main()
    before = content()
    write_params(**changes)
    extract.main()
    assert embedded == ["7", "7"]
    assert ("batch" in changes) or content() != before
    write_params()
    extract.main()
    assert embedded == ["7", "7"]
    assert content() == before


@pytest.mark.parametrize("native", [True, False])
def test_auto_shares_its_items_with_the_precision_that_it_comes_to(
    embedded: list[str], monkeypatch: pytest.MonkeyPatch, native: bool
) -> None:
    write_clips(make_clip("7", frames=1))
    monkeypatch.setattr(executor, "computes_bfloat16", lambda device: native)
    write_params(precision="auto")
    extract.main()
    before = content()
    write_params(precision="bfloat16" if native else "float32")
    extract.main()
    assert embedded == ["7"]
    assert content() == before
    write_params(precision="float32" if native else "bfloat16")
    extract.main()
    assert embedded == ["7", "7"]


def test_the_code_of_the_backbone_counts(embedded: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    write_clips(make_clip("7", frames=1))
    extract.main()
    seen: list[tuple[str, ...]] = []

    def changed(*modules: str) -> Code:
        seen.append(modules)
        return replace(Code.of(*modules), key="another")

    monkeypatch.setattr(extraction, "Code", SimpleNamespace(of=changed))
    extract.main()
    assert embedded == ["7", "7"]
    assert seen == [("pipeline.backbones.common.embed", "pipeline.backbones.ir50")]


def test_a_weights_file_is_checked_before_any_work(embedded: list[str]) -> None:
    write_params(weights="data/weights/absent.pth, sha256: abcd")
    with pytest.raises(InputError, match=r"absent\.pth: no such file"):
        extract.main()
    assert embedded == []
    assert not STORE.exists()


def test_a_backbone_without_a_section_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["extract", "ir5"])
    with pytest.raises(ConfigError, match=r"no backbones\.ir5; did you mean 'ir50'"):
        extract.main()


def test_a_section_without_a_backbone_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("params.yaml").write_text(Path("params.yaml").read_text().replace("ir50", "ir51"))
    monkeypatch.setattr(sys, "argv", ["extract", "ir51"])
    with pytest.raises(ConfigError, match=r"backbones\.ir51: there is no backbone of this name; did you mean 'ir50'"):
        extract.main()


@pytest.mark.slow
def test_the_command_says_what_is_wrong_without_a_traceback(project: Path) -> None:
    Path("data/clips/manifest.csv").unlink()
    repository = Path(extract.__file__).parents[1]
    command = [sys.executable, "-m", "stages.extract", "ir50"]
    done = subprocess.run(command, capture_output=True, text=True, env={"PYTHONPATH": str(repository)}, check=False)
    assert done.returncode == 1
    assert "run `dvc repro clips`" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_rerun_reads_each_cached_file_once(monkeypatch: pytest.MonkeyPatch) -> None:
    extract.main()
    before, read = content(), []

    def noted(path: Path) -> str:
        read.append(path)
        return sha256_file(path)

    for module in ("items", "files", "seeds"):
        monkeypatch.setattr(f"pipeline.runtime.{module}.sha256_file", noted)
    monkeypatch.setattr("pipeline.features.store.sha256_file", noted)
    extract.main()
    assert content() == before
    cache = ItemCache()
    keys = cache.keys()
    files = [file for key in keys for file in cache.path(key).rglob("*") if file.is_file()]
    assert sorted(read) == sorted(files)


def test_the_metadata_is_the_same_wherever_it_is_written() -> None:
    extract.main()
    metadata = json.loads((STORE / "zarr.json").read_text())
    assert list(metadata["attributes"]) == [
        "schema_version",
        "backbone",
        "modality",
        "dimension",
        "weights",
        "precision",
        "batch",
        "store",
        "arithmetic",
        "front_end",
        "trials",
        "fingerprint",
    ]
