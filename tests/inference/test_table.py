import csv
from pathlib import Path

import numpy as np

from pipeline.evaluation.evaluate import Combined
from pipeline.inference.plot import gaps, write_plot
from pipeline.inference.table import attention_columns, write_table

TIME = np.array([0.0, 0.04, 0.08])
PREDICTIONS = np.array([[0.5, -0.25], [np.nan, np.nan], [1.0, 0.125]], dtype=np.float32)
GATES = np.arange(12, dtype=np.float32).reshape(3, 2, 2)
MAPS = np.zeros((3, 100), dtype=np.float32)
SAID = Combined(PREDICTIONS, {"gate": GATES, "map": MAPS, "one": TIME.astype(np.float32)}, {})
BOXES = np.array([[20.0, 30.0, 10.0], [np.nan] * 3, [21.0, 30.0, 10.0]])


def rows(path: Path) -> list[list[str]]:
    with path.open(newline="") as file:
        return list(csv.reader(file))


def test_every_frame_has_a_row_and_what_is_unknown_is_empty(tmp_path: Path) -> None:
    write_table(tmp_path / "t.csv", SAID, time=TIME, targets=["valence", "arousal"], boxes=BOXES)
    header, first, second, third = rows(tmp_path / "t.csv")
    faces = ["face_valid", "face_left", "face_top", "face_side"]
    gates = [f"attention_gate_{i}_{j}" for i in (0, 1) for j in (0, 1)]
    assert header == ["time", "valence", "arousal", *faces, *gates, "attention_one"]
    assert first[:7] == ["0.000000", "0.500000", "-0.250000", "1", "15.00", "25.00", "10.00"]
    assert second[:7] == ["0.040000", "", "", "0", "", "", ""]
    assert third[7:] == ["8.000000", "9.000000", "10.000000", "11.000000", "0.080000"]


def test_a_model_of_sound_alone_has_no_columns_of_faces(tmp_path: Path) -> None:
    write_table(tmp_path / "t.csv", Combined(PREDICTIONS, {}, {}), time=TIME, targets=["a", "b"], boxes=None)
    assert rows(tmp_path / "t.csv")[0] == ["time", "a", "b"]


def test_maps_have_no_columns() -> None:
    assert not [name for name in attention_columns(SAID) if "map" in name]


def test_gaps_are_the_stretches_without_a_face() -> None:
    time = np.arange(6) / 2
    assert gaps(time, np.array([1, 0, 0, 1, 1, 0], bool)) == [(0.5, 1.5), (2.5, 2.5)]
    assert gaps(time, np.zeros(6, bool)) == [(0.0, 2.5)]
    assert gaps(time, np.ones(6, bool)) == gaps(time, None) == []


def test_a_plot_has_the_same_bytes_each_time_and_others_for_other_numbers(tmp_path: Path) -> None:
    ranges = {"valence": (-1.0, 1.0), "arousal": (-1.0, 1.0)}
    said = np.nan_to_num(PREDICTIONS)
    pictures = []
    for scale in (1, 1, -1):
        path = tmp_path / "p.png"
        valid = np.array([True, False, True])
        write_plot(path, said * scale, title="v", time=TIME, ranges=ranges, valid=valid)
        pictures.append(path.read_bytes())
    assert pictures[0] == pictures[1] != pictures[2]


def test_a_long_plot_is_thinned(tmp_path: Path) -> None:
    time = np.arange(20_001) / 25
    said = np.sin(time)[:, None].astype(np.float32)
    write_plot(tmp_path / "p.png", said, title="v", time=time, ranges={"x": (-1, 1)}, valid=None)
    assert (tmp_path / "p.png").stat().st_size > 1000
