from pathlib import Path

import numpy as np
import pytest

from pipeline.clips.alignment import align_labels
from pipeline.clips.target import Target
from pipeline.corpora.annotation import parse_annotation
from pipeline.corpora.labels import ANNOTATION, LabelFormat, Labels, format_of, label_files
from pipeline.corpora.ratings import Ratings
from pipeline.runtime.errors import InputError
from tests.corpus_factory import config_of
from tests.miniatures import arff, recola_config, table_config

VALENCE, AROUSAL = Target("valence", -1.0, 1.0), Target("arousal", -1.0, 1.0)
NAN = float("nan")


def rated(*values: float, step: float | None = None) -> Ratings:
    time = None if step is None else step * np.arange(len(values), dtype=np.float64)
    return Ratings(np.array(values, dtype=np.float32), time)


def test_the_kind_of_corpus_decides_the_format(tmp_path: Path) -> None:
    assert format_of(config_of(tmp_path)) == ANNOTATION
    assert format_of(recola_config(tmp_path)) == LabelFormat("gold_standard", (0.2, 0.32))
    assert format_of(recola_config(tmp_path, label_delay={"arousal": 2.72})) == LabelFormat(
        "gold_standard", (0.0, 2.72)
    )
    assert format_of(table_config(tmp_path, label_delay={"fatigue": 1.0})) == LabelFormat("ratings", (1.0,))


def test_one_file_or_one_per_target() -> None:
    (one,) = label_files(Path("a/b.txt"), [VALENCE, AROUSAL])
    assert (one.source, one.path, one.targets) == ("annotation", Path("a/b.txt"), (VALENCE, AROUSAL))
    two = label_files(Path("gold/{target}/train_1.arff"), [VALENCE, AROUSAL])
    assert [file.source for file in two] == ["valence annotation", "arousal annotation"]
    assert [file.path for file in two] == [Path("gold/valence/train_1.arff"), Path("gold/arousal/train_1.arff")]
    assert [file.targets for file in two] == [(VALENCE,), (AROUSAL,)]


def test_each_format_is_read_by_its_own_parser() -> None:
    (file,) = label_files(Path("x.txt"), [VALENCE, AROUSAL])
    data = b"valence,arousal\n0.5,0.25\n-5,0\n"
    valence, arousal = file.parse(data, ANNOTATION)
    assert np.array_equal(valence.values, np.array([0.5, NAN], dtype=np.float32), equal_nan=True)
    assert np.array_equal(arousal.values, np.array([0.25, NAN], dtype=np.float32), equal_nan=True)
    assert valence.time is None
    with pytest.raises(InputError, match="valence -5 is outside"):
        file.parse(data, LabelFormat("ratings", (0.0, 0.0)))
    (gold,) = label_files(Path("{target}.arff"), [AROUSAL])
    (ratings,) = gold.parse(arff("train_1", "arousal", rows=3).encode(), LabelFormat("gold_standard", (0.0,)))
    assert ratings.time is not None
    assert ratings.time.tolist() == [0, 0.04, 0.08]


def test_an_annotation_comes_to_the_frames_as_it_always_did() -> None:
    data = b"valence,arousal\n" + b"".join(f"0.{row},-0.{row}\n".encode() for row in range(7))
    rows = parse_annotation(data, [VALENCE, AROUSAL], file="x.txt")
    (file,) = label_files(Path("x.txt"), [VALENCE, AROUSAL])
    labels = Labels(file.parse(data, ANNOTATION), (0.0, 0.0))
    assert not labels.timed
    assert labels.rows == 7
    for frames in (4, 7, 9):
        time = np.arange(frames) / 30
        expected = align_labels(rows, frames=frames, targets=2)
        assert np.array_equal(labels.at_frames(time), expected, equal_nan=True)
        assert labels.covers(time).tolist() == [frame < 7 for frame in range(frames)]


def test_every_target_keeps_its_own_times_and_delay() -> None:
    labels = Labels((rated(0, 1, 2, 3, step=1.0), rated(0, 10, 20, 30, 40, 50, step=0.5)), (1.0, 0.25))
    assert labels.timed
    assert labels.rows == 6
    time = np.array([0.0, 0.5, 1.0, 2.0, 2.5])
    expected = np.array([[1, 5], [1.5, 15], [2, 25], [3, 45], [NAN, NAN]])
    assert np.allclose(labels.at_frames(time), expected, equal_nan=True)
    assert labels.covers(time).tolist() == [True, True, True, True, False]
    assert labels.covers(np.array([2.1, 2.25, 2.3])).tolist() == [True, True, False]
    assert Labels((rated(1, 2),), (0.5,)).timed
