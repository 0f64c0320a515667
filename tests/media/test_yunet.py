"""A YuNet network made here, with constant outputs in the layout of the released one."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from pipeline.media.detection import COLUMNS
from pipeline.media.yunet import YuNetDetector

SIDE = 64
STRIDES = (8, 16, 32)
Outputs = dict[str, NDArray[np.float32]]


def blank() -> Outputs:
    """Return what the network gives where nothing is found."""
    outputs = {}
    for name, width in (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10)):
        for stride in STRIDES:
            outputs[f"{name}_{stride}"] = np.zeros((1, (SIDE // stride) ** 2, width), dtype=np.float32)
    return outputs


def write_network(path: Path, outputs: Outputs) -> Path:
    """Write a network that gives `outputs` whatever the picture is."""
    nodes, constants = [helper.make_node("ReduceMean", ["input"], ["mean"], keepdims=1)], []
    nodes.append(helper.make_node("Mul", ["mean", "zero"], ["nothing"]))
    nodes.append(helper.make_node("Reshape", ["nothing", "shape"], ["flat"]))
    constants.append(numpy_helper.from_array(np.zeros(1, dtype=np.float32), "zero"))
    constants.append(numpy_helper.from_array(np.ones(3, dtype=np.int64), "shape"))
    for name, values in outputs.items():
        constants.append(numpy_helper.from_array(values, f"{name}_value"))
        nodes.append(helper.make_node("Add", ["flat", f"{name}_value"], [name]))
    graph = helper.make_graph(
        nodes,
        "yunet",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, (1, 3, SIDE, SIDE))],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, values.shape) for name, values in outputs.items()],
        constants,
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=7), str(path))
    return path


def test_boxes_and_keypoints_are_decoded(tmp_path: Path) -> None:
    """Cell (row 3, column 2) of stride 8: its box is 16 wide and 24 tall about a centre shifted by half a cell."""
    outputs = blank()
    cell = 3 * (SIDE // 8) + 2
    outputs["cls_8"][0, cell] = outputs["obj_8"][0, cell] = 1.0
    outputs["bbox_8"][0, cell] = [0.5, 0.25, np.log(16 / 8), np.log(24 / 8)]
    outputs["kps_8"][0, cell] = [0, 0, 1, 0, 0.5, 0.5, 0, 1, 1, 2]
    detector = YuNetDetector(write_network(tmp_path / "net.onnx", outputs), score=0.75, smallest=0.1)
    (face,) = detector.search(np.zeros((SIDE, SIDE, 3), dtype=np.uint8))
    assert len(face) == COLUMNS
    np.testing.assert_allclose(face[:3], [(2 + 0.5) * 8, (3 + 0.25) * 8, 20], atol=1e-4)
    np.testing.assert_allclose(face[3:9], [16, 24, 24, 24, 20, 28], atol=1e-4)
    np.testing.assert_allclose(face[9:11], [20, (32 + 40) / 2], atol=1e-4)
    assert np.isnan(face[11:]).all()


def test_nothing_found_gives_no_rows(tmp_path: Path) -> None:
    detector = YuNetDetector(write_network(tmp_path / "net.onnx", blank()), score=0.75, smallest=0.1)
    assert detector.search(np.zeros((SIDE, SIDE, 3), dtype=np.uint8)).shape == (0, COLUMNS)


def test_another_network_is_refused(tmp_path: Path) -> None:
    network = write_network(tmp_path / "net.onnx", {"scores": np.zeros((1, 5, 2), dtype=np.float32)})
    with pytest.raises(ValueError, match="OpenCV cannot read it as a YuNet network"):
        YuNetDetector(network, score=0.75, smallest=0.1)
