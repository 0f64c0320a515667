from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from benchmarks.finetune_memory import peak_bytes
from pipeline.backbones import ir50, vggish
from pipeline.clips.clip import read_clip
from pipeline.finetuning.fold import FinetunedFold, join_backbones
from pipeline.finetuning.network import EndToEndNetwork, run_steps, set_head_dropout
from pipeline.finetuning.tunable import Augmentation, Excerpt
from pipeline.finetuning.windows import ClipWindows
from pipeline.models.trained import TrainedFold
from pipeline.temporal.blocks.convolutions import FrameNorm
from pipeline.training.loss import ccc_loss
from tests.finetuning.factory import (
    SOURCES,
    TRAIN,
    TRAINING,
    VALIDATION,
    embed_all,
    narrow_backbones,
    train_base,
    write_clips,
)

FULL_VGGISH = vggish.build


@pytest.fixture(scope="module", autouse=True)
def narrow() -> Iterator[None]:
    with narrow_backbones():
        yield


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clips(tmp_path_factory.mktemp("end_to_end") / "clips")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, clips: Path) -> Path:
    return train_base(tmp_path_factory.mktemp("end_to_end") / "base", clips)


def network_of(base: Path, *, chunk: int = 7, groups: dict[str, int] | None = None) -> EndToEndNetwork:
    return join_backbones(SOURCES, TrainedFold.load(base).network, chunk=chunk, groups=groups)


def batch_of(
    network: EndToEndNetwork, clips: Path, windows: tuple[int, ...] = (0, 3)
) -> tuple[list[Mapping[str, Excerpt]], torch.Tensor, torch.Tensor]:
    cut = ClipWindows.cut(clips, TRAIN, training=TRAINING)
    read = [cut.read(number, network.tunables) for number in windows]
    return (
        [one.excerpts for one in read],
        torch.stack([one.mask for one in read]),
        torch.stack([one.labels for one in read]),
    )


def gradients(network: EndToEndNetwork, loss: torch.Tensor) -> dict[str, torch.Tensor]:
    network.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    return {name: parameter.grad for name, parameter in network.named_parameters() if parameter.grad is not None}


def test_untouched_it_predicts_what_the_cached_features_do(base: Path, clips: Path) -> None:
    trained = TrainedFold.load(base)
    finetuned = FinetunedFold(network_of(base), SOURCES, trained.metadata)
    features = embed_all(clips)
    for trial in (*TRAIN, *VALIDATION):
        expected = trained.predict({role: stream[trial] for role, stream in features.items()})
        got = finetuned.predict(read_clip(clips / f"{trial}.h5"))
        # The stored features are half-precision numbers.
        np.testing.assert_allclose(got.predictions, expected.predictions, atol=5e-3)
        assert np.ptp(got.predictions) > 0.01
        assert set(got.attention) == set(expected.attention)


def test_a_window_that_is_not_augmented_is_the_cached_window(base: Path, clips: Path) -> None:
    trained = TrainedFold.load(base)
    network = network_of(base).eval()
    excerpts, mask, _ = batch_of(network, clips, (0, 2, 4))
    with torch.no_grad():
        output = network(excerpts, [Augmentation()] * 3, mask)
    cut = ClipWindows.cut(clips, TRAIN, training=TRAINING)
    features = embed_all(clips)
    windows = [cut.windows[number] for number in (0, 2, 4)]
    streams = {
        role: torch.stack([torch.from_numpy(stream[window.trial][window.frames]).float() for window in windows])
        for role, stream in features.items()
    }
    with torch.no_grad():
        expected = trained.network(streams, mask)
    torch.testing.assert_close(output.predictions, expected.predictions, atol=5e-3, rtol=0)


@pytest.mark.parametrize("released", [1, 2, 3])
def test_gradients_are_those_of_a_plain_forward_pass(base: Path, clips: Path, released: int) -> None:
    network = network_of(base).train()
    set_head_dropout(network.fusion, 0.0)
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    network.release(released)
    excerpts, mask, labels = batch_of(network, clips)
    augmentations = [Augmentation((0.9, 0.1), mirrored=True), Augmentation()]
    found = gradients(network, ccc_loss(network(excerpts, augmentations, mask).predictions, labels, mask))

    streams = {}
    for role, tunable in network.tunables.items():
        backbone = network.backbones[role]
        parts = []
        for window, one in zip(excerpts, augmentations, strict=True):
            x = tunable.prepare(backbone, window[role], augmentation=one, device=torch.device("cpu")).detach()
            for _, step in tunable.steps(backbone):
                x = step(x)
            parts.append(x)
        streams[role] = torch.stack(parts)
    expected = gradients(network, ccc_loss(network.fusion(streams, mask).predictions, labels, mask))

    learning = {name for name in network.learning(released) if dict(network.named_parameters()).get(name) is not None}
    assert learning == found.keys() == expected.keys()
    assert any(name.startswith("backbones.visual") for name in found)
    assert any(name.startswith("backbones.audio") for name in found)
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, atol=1e-6, rtol=1e-3, msg=name)
        assert gradient.abs().max() > 0 or name.startswith("fusion."), name


def test_between_the_passes_only_the_boundary_is_kept() -> None:
    layers = nn.Sequential(*(layer for _ in range(6) for layer in (nn.Linear(32, 32), nn.ReLU())))
    steps = [(str(place), layer) for place, layer in enumerate(layers)]
    for layer in list(layers)[:8]:
        layer.requires_grad_(False)
    kept: list[int] = []

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        if not isinstance(tensor, nn.Parameter):
            kept.append(tensor.numel())
        return tensor

    x = torch.randn(100, 32)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        y = run_steps(steps, x, constant=8)
    inside = sum(kept)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        plain = layers(x)
    assert torch.equal(y, plain)
    # One boundary, against what every released layer needs.
    assert inside <= 100 * 32
    assert sum(kept) - inside >= 4 * 100 * 32
    y.sum().backward()  # type: ignore[no-untyped-call]
    assert layers[8].weight.grad is not None
    assert layers[6].weight.grad is None


def test_chunks_do_not_change_predictions(base: Path, clips: Path) -> None:
    outputs = []
    for chunk in (1, 7, 1000):
        network = network_of(base, chunk=chunk).eval()
        network.release(2)
        excerpts, mask, _ = batch_of(network, clips)
        outputs.append(network(excerpts, [Augmentation()] * 2, mask).predictions)
    for output in outputs[1:]:
        torch.testing.assert_close(output, outputs[0], atol=1e-5, rtol=0)


def test_training_mode_reaches_only_dropout_of_the_fusion_system(base: Path) -> None:
    network = network_of(base).train()
    assert not any(module.training for module in network.backbones.modules())
    norms = [module for module in network.fusion.modules() if isinstance(module, FrameNorm)]
    assert norms
    assert not any(norm.training for norm in norms)
    assert all(module.training for module in network.fusion.modules() if isinstance(module, nn.Dropout))


def test_frozen_backbones_stay_frozen(base: Path) -> None:
    network = network_of(base, groups={"visual": 2, "audio": 0})
    assert network.releases == 2
    network.release(2)
    assert all(not parameter.requires_grad for parameter in network.backbones["audio"].parameters())
    assert any(parameter.requires_grad for parameter in network.backbones["visual"].parameters())


def test_dropout_is_set_in_the_head_alone(base: Path) -> None:
    fusion = TrainedFold.load(base).network
    set_head_dropout(fusion, 0.8)
    found = {name: module.p for name, module in fusion.named_modules() if isinstance(module, nn.Dropout)}
    assert found.pop("model.head.dropout") == 0.8
    assert found
    assert set(found.values()) == {0.0, 0.1}  # of the attention and of the temporal encoders
    with pytest.raises(ValueError, match="Linear has no dropout in a module named `head`"):
        set_head_dropout(nn.Linear(2, 2), 0.8)


def test_the_memory_of_a_training_step_is_measured() -> None:
    cpu = torch.device("cpu")
    assert peak_bytes(windows=2, released=3, chunk=5, precision=torch.float32, device=cpu, length=12) > 1e8


@pytest.mark.gpu
@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_windows_of_300_frames_fit_in_8_gigabytes(precision: torch.dtype) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ir50, "STAGES", ((64, 3, 1), (128, 4, 2), (256, 14, 2), (512, 3, 2)))
        patch.setattr(ir50, "DIMENSION", 512)
        patch.setattr(vggish, "build", FULL_VGGISH)
        taken = peak_bytes(windows=2, released=3, chunk=32, precision=precision, device=torch.device("cuda"))
    assert 1e9 < taken < 8e9
