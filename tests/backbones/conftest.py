from collections.abc import Iterator

import pytest
import torch

from pipeline.backbones import ir50, vggish
from pipeline.backbones.common.weights import Weights
from tests.backbones.networks import channels_last


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """What a worker has: some results depend on the number of threads in their last bits."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def random_ir50(one_thread: None) -> ir50.IR50:
    return channels_last(ir50.build(Weights()))


@pytest.fixture(scope="session")
def random_vggish(one_thread: None) -> vggish.VGGish:
    return channels_last(vggish.build(Weights()))
