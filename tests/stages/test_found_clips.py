"""The first stages on corpora without crops."""

import csv
from pathlib import Path

import pytest

from pipeline.backbones.common.extraction import refuse_silent
from pipeline.clips.clip import read_clip
from pipeline.clips.manifest import read_manifest
from pipeline.config import load
from pipeline.corpora.config import RecolaConfig, TableConfig
from pipeline.evaluation.folds import read_folds
from pipeline.readers.index import build_index, write_index
from pipeline.runtime.errors import InputError
from stages import clips, folds
from tests.corpus_factory import SERIAL, memory_in
from tests.face_factory import HERE, face_picture
from tests.media_factory import write_video
from tests.miniatures import PEOPLE, RECOLA, fatigue_row, write_fatigue, write_manifest, write_recola

PARAMS = """
corpus: {corpus}
clips: {{face_size: 40, sample_rate: 8000}}
folds: {{scheme: subject, count: 2}}
evaluate: {{top_folds: 2}}
backbones: {{ir50: {{weights: random}}}}
models: {{visual: {{fusion: unimodal, temporal: tcn, streams: [ir50]}}}}
compute: {{engine: serial, device: cpu}}
"""
OUT = Path("data/clips")


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AFFECTFLOW_CACHE", str(tmp_path / "cache"))
    return tmp_path


def configure(corpus: str) -> RecolaConfig | TableConfig:
    Path("params.yaml").write_text(PARAMS.format(corpus=corpus))
    config = load("params.yaml").corpus
    assert isinstance(config, RecolaConfig | TableConfig)
    return config


def index(config: RecolaConfig | TableConfig) -> None:
    write_index(Path(config.index), build_index(config, memory=memory_in(Path()), executor=SERIAL))


def alignment() -> dict[str, str]:
    with (OUT / "alignment.csv").open(newline="") as file:
        return {row["trial"]: row["done"] for row in csv.DictReader(file)}


def tree() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in OUT.iterdir()}


def test_recola_from_index_to_folds(tmp_path: Path) -> None:
    write_recola(tmp_path / "corpus")
    index(configure("{kind: recola, root: corpus, index: index.csv}"))
    clips.main()
    assert [row.trial for row in read_manifest(OUT / "manifest.csv")] == sorted(RECOLA)
    assert set(alignment().values()) == {"nothing"}
    plain = tree()
    # Parameters of the corpus reach the clips, each where it belongs, and back again nothing has changed.
    configure("{kind: recola, root: corpus, index: index.csv, label_delay: {arousal: 0.2}}")
    clips.main()
    assert alignment()["dev_1"] == "4 frames with labels of some targets only; labels moved: arousal 0.2 s earlier"
    assert alignment()["test_1"] == "nothing"
    configure("{kind: recola, root: corpus, index: index.csv, faces: {detector: frontalface_alt2}}")
    clips.main()
    assert all(tree()[f"{trial}.h5"] != plain[f"{trial}.h5"] for trial in RECOLA)
    configure("{kind: recola, root: corpus, index: index.csv}")
    clips.main()
    assert tree() == plain
    folds.main()
    made = read_folds(Path("data/folds.json"))
    assert made.test == ("test_1",)
    assert [(fold.train, fold.validation) for fold in made.folds] == [
        (("train_1", "train_2"), ("dev_1",)),
        (("dev_1",), ("train_1", "train_2")),
    ]


def test_a_table_from_index_to_folds(tmp_path: Path) -> None:
    write_fatigue(tmp_path / "corpus")
    parts = ["train", "train", "train", "validation", "validation", "test"]
    rows = [{**fatigue_row(trial), "partition": part} for trial, part in zip(PEOPLE, parts, strict=True)]
    write_manifest(tmp_path / "manifest.csv", rows)
    table = "{kind: table, root: corpus, index: index.csv, manifest: manifest.csv, targets: {fatigue: [0, 10]}}"
    index(configure(table))
    clips.main()
    manifest = read_manifest(OUT / "manifest.csv")
    assert {row.trial: row.subject for row in manifest} == PEOPLE
    assert all(row.faces == row.frames == row.labelled for row in manifest)
    assert [target.name for target in read_clip(OUT / "p3.h5").targets] == ["fatigue"]
    folds.main()
    made = read_folds(Path("data/folds.json"))
    assert made.folds[0].validation == ("p3", "p4")
    assert made.test == ("p5",)


TABLE = "{kind: table, root: corpus, index: index.csv, manifest: manifest.csv, targets: {fatigue: [0, 10]}}"


def test_a_silent_video_makes_a_clip_that_backbones_of_sound_refuse(tmp_path: Path) -> None:
    write_fatigue(tmp_path / "corpus")
    pictures = [face_picture(HERE) for _ in range(12)]
    write_video(tmp_path / "corpus/video/p3.mp4", pictures=pictures, rate=25, audio=False)
    index(configure(TABLE))
    clips.main()
    clip = read_clip(OUT / "p3.h5")
    assert len(clip.audio) == 0
    assert clip.time[0] == 0
    assert clip.face_valid.all()
    assert alignment()["p3"].endswith("there is no sound")
    manifest = read_manifest(OUT / "manifest.csv")
    assert [row.trial for row in manifest if row.duration == 0] == ["p3"]
    refuse_silent("ir50", manifest)
    with pytest.raises(InputError, match="trial p3: no sound, and vggish embeds sound -> give the trial sound"):
        refuse_silent("vggish", manifest)


def test_a_trial_without_a_face_names_the_way_to_go_on(tmp_path: Path) -> None:
    write_fatigue(tmp_path / "corpus")
    write_video(tmp_path / "corpus/video/p3.mp4", frames=12)
    index(configure(TABLE))
    with pytest.raises(InputError, match=r"no face in any frame") as failure:
        clips.main()
    assert "`clips: {on_error: skip}`" in str(failure.value)
    params = Path("params.yaml").read_text().replace("face_size: 40", "face_size: 40, on_error: skip")
    Path("params.yaml").write_text(params)
    clips.main()
    assert [row.trial for row in read_manifest(OUT / "manifest.csv")] == sorted(PEOPLE.keys() - {"p3"})
