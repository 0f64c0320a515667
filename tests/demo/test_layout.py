from pathlib import Path

import numpy as np

from pipeline.demo import layout


def test_an_annotation_has_a_header_and_bare_fives(tmp_path: Path) -> None:
    path = layout.annotation_path(tmp_path, "train", "video1")
    layout.write_annotation(path, np.array([[0.25, -1 / 3], [-5, -5], [-5, 0.5]]))
    assert path == tmp_path / "annotations/VA_Set/Train_Set/video1.txt"
    assert path.read_text() == "valence,arousal\n0.2500,-0.3333\n-5,-5\n-5,0.5000\n"


def test_hidden_labels_lie_outside_of_the_annotations(tmp_path: Path) -> None:
    assert layout.annotation_path(tmp_path, "test", "video5") == tmp_path / "test_truth/video5.txt"


def test_a_sample_names_every_row_in_order(tmp_path: Path) -> None:
    layout.write_sample(tmp_path, [("b", 2), ("a", 1)])
    assert (tmp_path / layout.SAMPLE).read_text().splitlines() == [
        "image_location,valence,arousal",
        "b/00001.jpg,0,0",
        "b/00002.jpg,0,0",
        "a/00001.jpg,0,0",
    ]
