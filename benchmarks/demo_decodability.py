"""How much of valence and arousal a plain ridge regression reads out of the rendered demo corpus.

Run it from the repository's root after the stage `demo`: ``python -m benchmarks.demo_decodability``. It fits on the
training trials and scores on the validation and test trials, which show other subjects. The ideal decoder sees the
clean curves that drive the drawing and the voice; the others see the media files through proxies of the backbones:
pixels, random convolutions and log-mel. `both` weighs the two modalities' guesses, without knowing when one of them is
useless.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
import torch
from scipy.ndimage import gaussian_filter1d
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GroupKFold, cross_val_predict

from pipeline.demo import layout
from pipeline.demo.config import DemoConfig, load
from pipeline.demo.latent import at, stream, view
from pipeline.demo.plan import Plan, plan
from pipeline.demo.roster import cast

Matrix = npt.NDArray[np.float64]
SMOOTHING = 0.4
"""Seconds, width of the Gaussian that stands in for a temporal network."""
STRIDE = 3
"""Every which frame is used: smoothed neighbours say the same."""
ALPHAS = tuple(10.0**power for power in range(-2, 5))
COMPONENTS = 200
"""Principal components that are kept of an input."""


@dataclass(frozen=True)
class Trial:
    """Feature matrices of one trial by name, each (frames, features), and its labels (frames, 2)."""

    name: str
    partition: str
    features: dict[str, Matrix]
    labels: Matrix


def concordance(truth: Matrix, guess: Matrix) -> float:
    """Concordance correlation coefficient of two (n,) series."""
    covariance = np.mean((truth - truth.mean()) * (guess - guess.mean()))
    return float(2 * covariance / (truth.var() + guess.var() + (truth.mean() - guess.mean()) ** 2))


def read_crops(root: Path, trial: str, count: int) -> npt.NDArray[np.uint8]:
    """Read the crops as a 40-pixel network sees them, (count, 40, 40, 3); a missing one is black."""
    faces = np.zeros((count, 40, 40, 3), np.uint8)
    for index in range(count):
        path = root / layout.CROPS / layout.image_path(trial, index + 1)
        if path.exists():
            picture = cv2.imread(str(path))
            if picture is None:
                raise ValueError(f"{path} is no picture: render the demo again with `dvc repro data/demo/dvc.yaml`")
            faces[index] = cv2.resize(picture, (48, 48), interpolation=cv2.INTER_AREA)[4:44, 4:44]
    return faces


def random_convolutions(faces: npt.NDArray[np.uint8]) -> Matrix:
    """Three layers of seeded random convolutions with ReLU, averaged over a 5 x 5 grid: (n, 1600)."""
    torch.manual_seed(0)
    layers: list[torch.nn.Module] = []
    for width_in, width_out in ((3, 32), (32, 64), (64, 64)):
        convolution = torch.nn.Conv2d(width_in, width_out, 3, stride=2, padding=1)
        torch.nn.init.kaiming_normal_(convolution.weight)
        layers += [convolution, torch.nn.ReLU()]
    with torch.no_grad():
        data = torch.from_numpy(faces).permute(0, 3, 1, 2).float() / 127.5 - 1
        return np.asarray(torch.nn.Sequential(*layers)(data).flatten(1).numpy(), dtype=np.float64)


def log_mel(path: Path, times: Matrix) -> Matrix:
    """Log-mel patches of 0.96 s around each time (64 bands, 10 ms), averaged to 12 steps: (n, 768).

    VGGish's patch starts at the frame, so a temporal network finds the centred one half a second back in its input.
    """
    with av.open(str(path)) as container:
        resampler = av.AudioResampler(format="s16", layout="mono", rate=16000)
        pieces = [block.to_ndarray()[0] for frame in container.decode(audio=0) for block in resampler.resample(frame)]
    sound = np.concatenate([*pieces, np.zeros(17000, np.int16)]) / 32768
    frames = np.lib.stride_tricks.sliding_window_view(sound, 400)[::160] * np.hanning(401)[:-1]
    magnitude = np.abs(np.fft.rfft(frames, 512))
    edges = 700 * (np.exp(np.linspace(np.log1p(125 / 700), np.log1p(7500 / 700), 66)) - 1)
    bins = np.fft.rfftfreq(512, 1 / 16000)[None]
    low, mid, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    bank = np.maximum(0, np.minimum((bins - low) / (mid - low), (high - bins) / (high - mid)))
    mel = np.log(magnitude @ bank.T + 0.01)
    starts = np.clip(np.round(100 * times).astype(int) - 48, 0, len(mel) - 96)
    return np.stack([mel[start : start + 96].reshape(12, 8, 64).mean(axis=1).ravel() for start in starts])


def clean_curves(config: DemoConfig, script: Plan, place: int) -> dict[str, Matrix]:
    """Return the two curves that drive each modality, zero where the modality is useless."""
    result = {}
    for modality, name, levels, segments in (
        ("visual", "face", config.noise.visual, script.visual[place]),
        ("audio", "voice", config.noise.audio, script.audio),
    ):
        random = stream(config.seed, script.video.name, name, str(place))
        seen = view(script.affects[place], levels, random, period=config.latent_period)
        curves = np.stack([at(script.times, seen.valence), at(script.times, seen.arousal)], axis=1)
        for segment in segments:
            curves[(script.times >= segment.start) & (script.times < segment.end)] = 0.0
        result[f"clean {modality}"] = curves
    return result


def collect(config: DemoConfig, root: Path) -> list[Trial]:
    """Read all trials of the corpus."""
    trials = []
    for video in cast(config.trials):
        script = plan(config, video)
        count = len(script.times)
        smoothing = SMOOTHING * count / script.seconds
        sound = log_mel(layout.video_path(root, video.name), script.times)
        for place, trial in enumerate(video.trials):
            faces = read_crops(root, trial, count)
            small = np.stack([cv2.resize(face, (24, 24), interpolation=cv2.INTER_AREA) for face in faces])
            features = {
                "pixels": small.reshape(count, -1) / 255.0,
                "convolutions": random_convolutions(faces),
                "log-mel": sound,
            }
            features = {name: gaussian_filter1d(value, smoothing, axis=0) for name, value in features.items()}
            labels = np.loadtxt(layout.annotation_path(root, video.partition, trial), delimiter=",", skiprows=1)
            labels = np.concatenate([labels, np.full((count, 2), -5.0)])[:count]
            features |= clean_curves(config, script, place)
            features = {name: value[::STRIDE] for name, value in features.items()}
            trials.append(Trial(name=trial, partition=video.partition, features=features, labels=labels[::STRIDE]))
    return trials


@dataclass(frozen=True)
class Guess:
    """What one input predicts, each (frames, 2): out-of-fold for the training trials, and for all other trials."""

    training: Matrix
    unseen: Matrix


def gather(trials: list[Trial], name: str, *, train: bool) -> tuple[Matrix, Matrix, npt.NDArray[np.int64]]:
    """Stack the annotated frames of the training or of all other trials: features, labels, number of the trial."""
    chosen = [trial for trial in trials if (trial.partition == "train") == train]
    kept = [(trial.labels > -2).all(axis=1) for trial in chosen]
    return (
        np.concatenate([trial.features[name][keep] for trial, keep in zip(chosen, kept, strict=True)]),
        np.concatenate([trial.labels[keep] for trial, keep in zip(chosen, kept, strict=True)]),
        np.concatenate([np.full(int(keep.sum()), index) for index, keep in enumerate(kept)]),
    )


def decode(trials: list[Trial], name: str) -> Guess:
    """Fit a ridge regression on the training trials, its strength chosen by cross-validation over trials."""
    (data, labels, groups), (unseen, _, _) = gather(trials, name, train=True), gather(trials, name, train=False)
    # One scale for all: a unit that is all but silent in training must not be blown up where it speaks.
    projection = PCA(min(COMPONENTS, data.shape[1]), svd_solver="covariance_eigh").fit(data)
    scale = np.sqrt(projection.explained_variance_[0])
    data, unseen = projection.transform(data) / scale, projection.transform(unseen) / scale
    folds = list(GroupKFold(4).split(data, groups=groups))
    outside = {alpha: cross_val_predict(Ridge(alpha), data, labels, cv=folds) for alpha in ALPHAS}
    alpha = min(ALPHAS, key=lambda value: float(np.mean((outside[value] - labels) ** 2)))
    return Guess(training=outside[alpha], unseen=Ridge(alpha).fit(data, labels).predict(unseen))


def score(trials: list[Trial], guesses: tuple[Guess, ...]) -> tuple[float, float]:
    """Weigh the guesses by least squares on the training trials; return the CCC of valence and arousal elsewhere."""
    _, labels, _ = gather(trials, next(iter(trials[0].features)), train=True)
    _, truth, _ = gather(trials, next(iter(trials[0].features)), train=False)
    weights = LinearRegression().fit(np.concatenate([guess.training for guess in guesses], axis=1), labels)
    final = weights.predict(np.concatenate([guess.unseen for guess in guesses], axis=1))
    return concordance(truth[:, 0], final[:, 0]), concordance(truth[:, 1], final[:, 1])


def report(trials: list[Trial]) -> list[str]:
    """Write the lines of a Markdown table."""
    lines = ["| decoder | input | valence | arousal | P |", "|---|---|---|---|---|"]
    for decoder, visual, audio in (
        ("clean curves", "clean visual", "clean audio"),
        ("24 x 24 pixels, log-mel", "pixels", "log-mel"),
        ("random convolutions, log-mel", "convolutions", "log-mel"),
    ):
        face, voice = decode(trials, visual), decode(trials, audio)
        for label, guesses in (("face", (face,)), ("voice", (voice,)), ("both", (face, voice))):
            valence, arousal = score(trials, guesses)
            lines.append(f"| {decoder} | {label} | {valence:.3f} | {arousal:.3f} | {(valence + arousal) / 2:.3f} |")
    return lines


def main(root: str = "data/demo/corpus", params: str = "data/demo/params.yaml") -> None:
    config = load(Path(params))
    print("\n".join(report(collect(config, Path(root)))))


if __name__ == "__main__":
    main(*sys.argv[1:])
