from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from benchmarks import _complementarity_figures as figures
from benchmarks._complementarity_figures import ALONE, CLEAN, CONDITIONS, Estimate
from benchmarks._complementarity_noise import Example, dimensions, leak, novel, profile, still, told
from benchmarks._complementarity_plot import draw
from benchmarks._complementarity_runs import FACE, FUSIONS, GATE, GRJCA, PUBLISHED, VOICE, Predicted, simulate, train
from benchmarks._complementarity_simulation import (
    CONTRADICTORY,
    MODALITIES,
    NOISE,
    STATES,
    USEFUL,
    USELESS,
    WEAK,
    Modality,
    Trial,
    World,
)
from benchmarks._complementarity_tables import aim_table, estimates, panels, sections
from pipeline.evaluation.metrics import ccc, pcc
from pipeline.runtime.executor import Executor
from pipeline.runtime.items import ItemCache

SIZES = (20, 80)


def bare(name: str, **sizes: float) -> Modality:
    """A modality that shows the affect and nothing else, unless sizes say so."""
    silent: dict[str, Any] = dict.fromkeys(("own", "offset", "slow", "white", "look", "sign", "varied"), 0.0)
    return replace(NOISE[name], **(silent | {"affect": 1.0} | sizes))


def shown(world: World, trial: Trial, modality: str) -> np.ndarray:
    """What a bare modality shows, read back from its embedding, (t, 2)."""
    basis = world.bases[modality]["affect"]
    found = np.linalg.lstsq(basis.T, trial.features[modality].astype(float).T, rcond=None)[0]
    return np.asarray(found.T)


def test_a_trial_depends_on_its_number_alone() -> None:
    one = simulate(3, sizes=(2, 4), draws=2, validation=2, held_out=2)
    other = simulate(3, sizes=(6,), draws=2, validation=2, held_out=4)
    for few, many in ((one.held_out, other.held_out), (one.training[1], other.training[1])):
        for trial, same in zip(few, many, strict=False):
            assert trial.name == same.name
            assert all(np.array_equal(trial.features[m], same.features[m]) for m in MODALITIES)
            assert np.array_equal(trial.labels, same.labels)
    subjects = [{trial.subject for trial in group} for group in (*other.training, *other.validation, other.held_out)]
    assert sum(map(len, subjects)) == len(set.union(*subjects))
    assert not np.array_equal(World(4).trial("held-out", 0).labels, one.held_out[0].labels)


def test_one_modality_at_most_is_impaired_and_every_state_occurs() -> None:
    world = World(5)
    trials = [world.trial("a", number) for number in range(24)]
    states = {m: np.concatenate([trial.states[m] for trial in trials]) for m in MODALITIES}
    assert not ((states["visual"] > 0) & (states["audio"] > 0)).any()
    shares = {m: np.bincount(of, minlength=len(STATES)) / len(of) for m, of in states.items()}
    for share in shares.values():
        assert (share > 0.02).all()
        assert 0.55 < share[STATES.index(USEFUL)] < 0.85


def test_each_state_shows_what_it_says() -> None:
    world = World(6, {name: bare(name) for name in MODALITIES})
    trials = [world.trial("a", number) for number in range(24)]
    found: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {state: [] for state in STATES}
    for trial in trials:
        seen = shown(world, trial, "visual")
        for state, pairs in found.items():
            inside = trial.states["visual"] == STATES.index(state)
            pairs.append((seen[inside, 0], trial.labels[inside, 0]))
    joined = {state: [np.concatenate(part) for part in zip(*pairs, strict=True)] for state, pairs in found.items()}
    assert not joined[USELESS][0].any()
    useful, weak, opposite = (pcc(*joined[state]) for state in (USEFUL, WEAK, CONTRADICTORY))
    assert useful > 0.75
    assert 0.1 < weak < useful - 0.2
    assert opposite < -0.7


def test_a_useless_stretch_has_a_look_and_a_contradictory_one_a_sign() -> None:
    world = World(7, {name: bare(name, affect=0.0, look=4.0, sign=1.0) for name in MODALITIES})
    trials = [world.trial("a", number) for number in range(12)]
    for modality in MODALITIES:
        size = np.concatenate([np.linalg.norm(trial.features[modality], axis=1) for trial in trials])
        state = np.concatenate([trial.states[modality] for trial in trials])
        means = {name: size[state == place].mean() for place, name in enumerate(STATES)}
        assert means == pytest.approx({USEFUL: 0, WEAK: 0, USELESS: 4, CONTRADICTORY: 1}, abs=1e-4)


def test_trials_of_a_subject_are_alike() -> None:
    world = World(8, {name: bare(name, affect=0.0, offset=1.0) for name in MODALITIES})
    first, second, third = (world.trial("a", number) for number in range(3))
    assert first.subject == second.subject != third.subject
    assert np.array_equal(first.features["audio"], second.features["audio"])
    assert not np.array_equal(second.features["audio"], third.features["audio"])


def examples(*, offset: float = 0.0, width: int = 8, covered: float = 0.0) -> list[Example]:
    """Noise in which two directions tell the labels; frames 30 to 50 of each trial are covered."""
    random = np.random.default_rng(1)
    found = []
    for number in range(12):
        labels = np.cumsum(random.normal(0, 0.2, (90, 2)), axis=0)
        useless = np.zeros(90, dtype=bool)
        useless[30:50] = True
        features = {}
        for modality in MODALITIES:
            x = random.normal(size=(90, width)) + offset * random.normal(size=width)
            x[:, :2] += 3 * labels
            x[useless, 5] += covered
            features[modality] = x
        found.append(Example(f"s{number}", 10.0, features, labels, dict.fromkeys(MODALITIES, useless)))
    return found


def test_a_profile_says_what_was_put_in() -> None:
    plain, covered = examples(), examples(covered=6.0)
    assert told(plain, "visual") == pytest.approx(0.5, abs=0.15)
    assert told(covered, "visual") > 0.99
    assert novel(covered, "audio") > novel(plain, "audio") + 0.1
    found = profile(plain)
    assert found.p["both"] > 0.8
    assert found.p["visual"] <= found.p_fitted["visual"] + 1e-9


def test_leakage_stillness_and_dimensions() -> None:
    random = np.random.default_rng(2)

    def some(features: list[np.ndarray]) -> list[Example]:
        return [
            Example(str(number), 8.0, {"visual": x}, np.zeros((len(x), 2)), {"visual": np.zeros(len(x), dtype=bool)})
            for number, x in enumerate(features)
        ]

    white = some([random.normal(size=(400, 5)) for _ in range(6)])
    assert leak(white, "visual") == pytest.approx(0, abs=0.02)
    assert still(white, "visual") == pytest.approx(0, abs=0.05)
    assert dimensions(white, "visual") == pytest.approx(5, abs=0.1)
    shifted = some([random.normal(size=(400, 5)) + 2 * random.normal(size=5) for _ in range(40)])
    assert leak(shifted, "visual") == pytest.approx(0.8, abs=0.1)
    slow = some([np.repeat(random.normal(size=(200, 1)), 20, axis=0) for _ in range(6)])
    assert still(slow, "visual") == pytest.approx(0.9, abs=0.05)
    assert dimensions(slow, "visual") == pytest.approx(1)


@pytest.fixture(scope="module")
def trials() -> tuple[Trial, ...]:
    world = World(9)
    return tuple(world.trial("held-out", number) for number in range(8))


def predicted(trials: tuple[Trial, ...], *, seed: int, noise: float, lost: float = 0.0) -> Predicted:
    """The labels with noise, and `lost` more in useless frames; reliabilities and gates that know them in part."""
    random = np.random.default_rng(seed)
    labels = np.concatenate([one.labels for one in trials])
    useless = figures.masks(trials)[USELESS]
    predictions = labels + (noise + lost * useless[:, None]) * random.standard_normal(labels.shape)
    attention = {}
    for modality in MODALITIES:
        marks = figures.masks(trials)[f"{modality} {USELESS}"]
        attention[f"reliability_{modality}"] = random.random(len(labels)) - 0.4 * marks
    return Predicted(predictions.astype(np.float32), attention)


def test_conditions_part_the_frames(trials: tuple[Trial, ...]) -> None:
    marks = figures.masks(trials)
    assert np.sum([marks[name] for name in CONDITIONS], axis=0).tolist() == [1] * sum(len(t.labels) for t in trials)
    assert np.array_equal(marks[USELESS], marks[f"visual {USELESS}"] | marks[f"audio {USELESS}"])


def test_p_is_that_of_the_metrics(trials: tuple[Trial, ...]) -> None:
    run = predicted(trials, seed=1, noise=0.3, lost=0.5)
    labels, inside = np.concatenate([one.labels for one in trials]), figures.masks(trials)[USELESS]
    expected = np.mean([ccc(labels[inside, k], run.predictions[inside, k]) for k in (0, 1)])
    assert figures.p_by_draw([run, run], trials, USELESS) == pytest.approx([expected] * 2)


def test_a_lead_is_paired_and_its_interval_holds_subjects_and_draws(trials: tuple[Trial, ...]) -> None:
    better = [predicted(trials, seed=seed, noise=0.2) for seed in range(3)]
    worse = [predicted(trials, seed=seed, noise=0.2, lost=0.8) for seed in range(3)]
    first, second = (figures.estimate(figures.moments(runs, trials, USELESS)) for runs in (better, worse))
    lead = first - second
    assert 0 < lead.interval.low < lead.value < lead.interval.high
    assert str(lead).startswith("**+")
    same = first - first
    assert (same.value, same.interval.low, same.interval.high) == (0, 0, 0)
    alike = [better[0]] * 3
    spread = [figures.estimate(figures.moments(runs, trials, USELESS)).samples.std() for runs in (alike, better)]
    assert spread[0] > 0
    uneven = [better[0], worse[1], better[2]]
    assert figures.estimate(figures.moments(uneven, trials, USELESS)).samples.std() > 1.5 * max(spread)


def test_what_tells_an_impaired_modality(trials: tuple[Trial, ...]) -> None:
    run, marks = predicted(trials, seed=3, noise=0.2), figures.masks(trials)
    inside, outside = marks[f"visual {USELESS}"], marks[CLEAN]
    kept = inside | outside
    values = run.attention["reliability_visual"]
    expected = roc_auc_score(inside[kept], -values[kept])
    assert expected > 0.7
    assert figures.told(run, trials, "visual") == pytest.approx(expected)
    gates = Predicted(run.predictions, {"audio": np.stack([values, values * 0 + 0.5], axis=1)})
    assert figures.told(gates, trials, "visual") == pytest.approx(expected)
    maps = np.zeros((len(values), 2, 2, 2))
    maps[..., 0] = values[:, None, None]
    assert figures.told(Predicted(run.predictions, {"modalities": maps}), trials, "visual") == pytest.approx(expected)
    assert figures.told(Predicted(run.predictions, {}), trials, "visual") is None


def test_the_other_modality_alone_predicts_where_one_is_impaired(trials: tuple[Trial, ...]) -> None:
    frames = sum(len(one.labels) for one in trials)
    face, voice = (Predicted(np.full((frames, 2), value), {}) for value in (1.0, 2.0))
    found = figures.other_alone(face, voice, trials).predictions[:, 0]
    marks = figures.masks(trials)
    assert (found[marks[f"visual {USELESS}"]] == 2).all()
    assert (found[marks[f"audio {CONTRADICTORY}"]] == 1).all()


def made_up(trials: tuple[Trial, ...], lost: Mapping[str, float]) -> dict[str, dict[int, list[Predicted]]]:
    return {
        name: {
            size: [predicted(trials, seed=seed, noise=0.2, lost=lost.get(name, 0.6)) for seed in range(3)]
            for size in SIZES
        }
        for name in (*FUSIONS, FACE, VOICE)
    }


@pytest.mark.parametrize(("lost", "said"), [(0.0, "reached"), (0.6, "missed")])
def test_the_aim_is_judged_by_the_best_published_system(trials: tuple[Trial, ...], lost: float, said: str) -> None:
    runs = made_up(trials, {GATE: lost, GRJCA: 0.5})
    table = aim_table(estimates(figures.with_other_alone(runs, trials), trials))
    for size, line in zip(SIZES, table.splitlines()[2:], strict=True):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        assert cells[:2] == [str(size), GRJCA]
        assert cells[3] == said
        assert cells[6] == "reached"


def test_every_table_has_its_place_and_its_models(trials: tuple[Trial, ...]) -> None:
    runs = made_up(trials, {GATE: 0.1})
    found = sections(runs, trials)
    page = (Path(__file__).parents[2] / "docs" / "complementarity.md").read_text()
    for name, table in found.items():
        assert page.count(f"<!-- {name} -->") == page.count(f"<!-- /{name} -->") == 1
        assert len({line.count("|") for line in table.splitlines()}) == 1
    assert all(f"| {name} |" in found[CLEAN] for name in FUSIONS)
    assert f"| {ALONE} |" in found[USELESS]
    assert all(f"| less {name} |" in found["leads"] for name in PUBLISHED)


def test_the_same_numbers_draw_the_same_bytes(trials: tuple[Trial, ...], tmp_path: Path) -> None:
    drawn = panels(made_up(trials, {}), trials)
    for name in ("a.svg", "b.svg"):
        draw(drawn, tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_an_estimate_is_bold_where_its_interval_leaves_out_zero() -> None:
    assert str(Estimate(0.1, np.linspace(0.06, 0.16, 101))) == "**+0.100 [+0.062, +0.158]**"
    assert str(Estimate(0.0, np.linspace(-0.1, 0.1, 101))) == "+0.000 [-0.095, +0.095]"


@pytest.mark.slow
def test_a_small_comparison_trains_every_model_and_resumes(tmp_path: Path) -> None:
    corpus = simulate(5, sizes=(4,), draws=2, validation=2, held_out=4)
    runs = [
        train(corpus, sizes=(4,), executor=Executor(engine="serial"), cache=ItemCache(tmp_path), epochs={4: 2})
        for _ in range(2)
    ]
    frames = sum(len(one.labels) for one in corpus.held_out)
    assert runs[0].keys() == {*FUSIONS, FACE, VOICE}
    for name, of_model in runs[0].items():
        for first, again in zip(of_model[4], runs[1][name][4], strict=True):
            assert first.predictions.shape == (frames, 2)
            assert np.array_equal(first.predictions, again.predictions)
    assert runs[0][GATE][4][0].attention.keys() == {f"reliability_{voter}" for voter in (*MODALITIES, "fused")}
