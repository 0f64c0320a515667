"""Inflating a 2-D Inception-v1 into I3D: each k x k kernel is repeated k times along time and divided by k.

Carreira and Zisserman, "Quo Vadis, Action Recognition?", 2017, section 3: on a video that stands still the inflated
network then has the output of the 2-D one on its picture. The names are those of torchvision's GoogLeNet, an
Inception-v1 with batch norm whose "5 x 5" branch has 3 x 3 kernels, as I3D's has. Its ImageNet weights too take RGB
scaled to -1 .. 1.
"""

from collections.abc import Mapping

from torch import Tensor

STEM = {"conv1": "Conv3d_1a_7x7", "conv2": "Conv3d_2b_1x1", "conv3": "Conv3d_2c_3x3"}

MIXED = {
    "inception3a": "Mixed_3b",
    "inception3b": "Mixed_3c",
    "inception4a": "Mixed_4b",
    "inception4b": "Mixed_4c",
    "inception4c": "Mixed_4d",
    "inception4d": "Mixed_4e",
    "inception4e": "Mixed_4f",
    "inception5a": "Mixed_5b",
    "inception5b": "Mixed_5c",
}

BRANCHES = {
    "branch1": "b0",
    "branch2.0": "b1a",
    "branch2.1": "b1b",
    "branch3.0": "b2a",
    "branch3.1": "b2b",
    "branch4.1": "b3b",
}

UNITS = STEM | {
    f"{flat}.{branch}": f"{mixed}.{unit}" for flat, mixed in MIXED.items() for branch, unit in BRANCHES.items()
}
"""Name of each unit of I3D by the name of the 2-D unit."""

CLASSIFIERS = ("fc.", "aux1.", "aux2.")


def is_flat(state_dict: Mapping[str, Tensor]) -> bool:
    """Return whether a checkpoint is of a 2-D Inception-v1."""
    return "conv1.conv.weight" in state_dict


def inflate(state_dict_2d: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Make I3D's parameters from those of a 2-D Inception-v1.

    Parameters
    ----------
    state_dict_2d : torchvision's GoogLeNet names; its three classifiers are left out

    Returns
    -------
    By I3D's names; each (o, i, k, k) kernel as (o, i, k, k, k). Other names stay as they are, so that strict
    loading reports them.
    """
    inflated: dict[str, Tensor] = {}
    for key, value in state_dict_2d.items():
        if key.startswith(CLASSIFIERS):
            continue
        unit, _, rest = key.partition(".bn.") if ".bn." in key else key.partition(".conv.")
        name = UNITS.get(unit)
        if name is None:
            inflated[key] = value
        elif ".bn." in key:
            inflated[f"{name}.bn.{rest}"] = value
        else:
            times = value.shape[-1]
            inflated[f"{name}.conv3d.{rest}"] = value.unsqueeze(2).repeat(1, 1, times, 1, 1) / times
    return inflated
