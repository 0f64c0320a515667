"""Single operations of the numeric libraries, forward and backward, on inputs that every processor rounds alike."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy import fft, signal
from torch import Tensor, nn
from torch.nn import functional

from pipeline.fusion.lstm import LSTMFusion
from pipeline.temporal.blocks.convolutions import TemporalBlock
from pipeline.training.config import OptimiserConfig
from pipeline.training.schedule import make_optimizer

Values = tuple[Tensor | npt.NDArray[np.generic], ...]


class Whole:
    """Whole numbers divided by 1000: exact inputs whose sums and products do not come out even."""

    def __init__(self, seed: int = 1) -> None:
        self.generator = torch.Generator().manual_seed(seed)

    def __call__(self, *shape: int) -> Tensor:
        return torch.randint(-1024, 1025, shape, generator=self.generator).float() / 1000

    def fill(self, module: nn.Module) -> None:
        """Fill parameters and statistics so that activations keep their order of magnitude."""
        with torch.no_grad():
            for parameter in module.parameters():
                fan_in = parameter[0].numel() if parameter.ndim > 1 else 1
                # A power of two near the root of the fan-in: dividing by it is exact.
                parameter.copy_(self(*parameter.shape) / 2 ** (fan_in.bit_length() // 2))
            for name, buffer in module.named_buffers():
                if name.endswith("running_var"):
                    buffer.copy_(self(*buffer.shape).abs() + 0.5)


UNARY: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "exp": torch.exp,
    "sigmoid": torch.sigmoid,
    "gelu": functional.gelu,
    "log": lambda x: torch.log(x.abs() + 0.01),
    "rsqrt": lambda x: torch.rsqrt(x.abs() + 0.001),
    "softmax": lambda x: torch.softmax(x / 0.1, -1),
    "sums": lambda x: torch.cat([x.sum(0), x.mean(0), x.var(0)]),
    "normalize": lambda x: functional.normalize(x, dim=1),
    "layer_norm": lambda x: functional.layer_norm(x, (64,)),
}


def operations() -> Iterator[tuple[str, Values]]:
    """Yield the name of each operation, and its results."""
    whole = Whole()
    a, b, c = whole(100, 192), whole(192, 64), whole(100, 64)
    for name, function in UNARY.items():
        yield name, (function(c),)
    yield "matmul", (a @ b, a.t() @ c)
    yield "bmm", (torch.bmm(whole(4, 64, 100), whole(4, 100, 192)),)
    yield "linear", _gradients(nn.Linear(192, 128), a, whole)
    yield "conv1d", _gradients(nn.Conv1d(16, 32, 5, padding=4, dilation=2), whole(8, 16, 100), whole)
    yield "conv2d", _gradients(nn.Conv2d(32, 32, 3, padding=1), whole(2, 32, 20, 20), whole)
    faces = whole(2, 32, 20, 20).contiguous(memory_format=torch.channels_last)
    yield "conv2d, channels last", _gradients(nn.Conv2d(32, 48, 3, stride=2), faces, whole)
    yield "conv3d", _gradients(nn.Conv3d(3, 16, 3), whole(1, 3, 6, 12, 12), whole)
    yield "batch_norm", _gradients(nn.BatchNorm1d(32), whole(8, 32, 100), whole)
    yield "lstm", _lstm(c, whole)
    yield "stft", (torch.stft(whole(8000), 400, 160, window=torch.hann_window(400), return_complex=True).abs(),)
    yield "adam", (_adam(b, whole),)
    yield "temporal block", _temporal_block(whole)
    yield from _numpy()


def _gradients(module: nn.Module, x: Tensor, whole: Whole) -> Values:
    whole.fill(module)
    x = x.clone().requires_grad_()
    y: Tensor = module(x)
    torch.autograd.backward(y, whole(*y.shape))
    return (y, *(leaf.grad for leaf in (x, *module.parameters()) if leaf.grad is not None))


def _lstm(x: Tensor, whole: Whole) -> Values:
    system = LSTMFusion(widths={"visual": 64}, length=100, width=16, layers=2)
    whole.fill(system)
    features, _ = system({"visual": x.view(1, 100, 64)}, torch.ones(1, 100, dtype=torch.bool))
    torch.autograd.backward(features, whole(*features.shape))
    return (features, *(leaf.grad for leaf in system.parameters() if leaf.grad is not None))


def _temporal_block(whole: Whole) -> Values:
    """At the published width and window, with dropout."""
    torch.manual_seed(0)
    block = TemporalBlock(in_features=512, out_features=256, kernel_size=5, dilation=2, dropout=0.1)
    return _gradients(block, whole(2, 300, 512).transpose(1, 2), whole)


def _adam(start: Tensor, whole: Whole) -> Tensor:
    parameter = nn.Parameter(start.clone())
    optimizer = make_optimizer([parameter], OptimiserConfig(learning_rate=1e-3))
    for step in range(1, 6):
        parameter.grad = whole(*start.shape) / step
        optimizer.step()
    return parameter


def _numpy() -> Iterator[tuple[str, Values]]:
    whole = np.random.RandomState(0).randint(-1024, 1025, (200, 128)) / 1000
    for kind in (np.float64, np.float32):
        u: npt.NDArray[Any] = whole.astype(kind)
        v = np.abs(u) + kind(0.01)
        roots = (np.sqrt(v), v ** kind(1.7))
        yield f"numpy {kind.__name__} functions", (np.exp(u), np.log(v), np.log10(v), np.sin(u), np.tanh(u), *roots)
        yield f"numpy {kind.__name__} products and sums", (u.T @ u, u.sum(0), u.mean(1), u.var(0), u.std(1))
    yield "scipy rfft", (fft.rfft(whole).view(np.float64),)
    yield "scipy resample_poly", (signal.resample_poly(whole, 147, 160, axis=1),)
