"""The parts of a corpus' official split."""

from typing import Literal, get_args

Partition = Literal["train", "validation", "test"]
PARTITIONS: tuple[Partition, ...] = get_args(Partition)
