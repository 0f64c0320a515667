"""The training step of GRJCA against the machine's ceiling and the published ways: `python -m benchmarks.training`.

The step is that of `presets/affwild2-grjca.yaml`: 12 windows of 300 frames, in CPU seconds on one pinned thread, those
of loader processes included. All variants take turns. The published scheme runs frozen backbones inside every step; a
step has 3,600 frames of them, of which some are timed and the rest is counted at the same rate.
"""

import argparse
import json
import multiprocessing
import os
import resource
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks._results import machine, table, write_section
from benchmarks._timing import Times, one_pinned_thread, spread
from benchmarks._training_variants import (
    Ceiling,
    FrozenBackbones,
    WindowFiles,
    make_plain,
    make_training,
    our_steps,
    published_steps,
)
from pipeline.training.loop import FoldTraining

BATCH, WINDOW, STEPS = 12, 300, 2
BATCHES = [list(range(start, start + BATCH)) for start in range(0, STEPS * BATCH, BATCH)]
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
GOALS = {"float32": 0.70, "bfloat16": 0.35}
EFFICIENCY = 0.8


def cpu_seconds() -> float:
    """Return the CPU seconds of this process and of its children that have ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def take_turns(variants: dict[str, Callable[[], object]], *, rounds: int) -> dict[str, Times]:
    """As `benchmarks._timing.take_turns`, with the CPU seconds of loader processes."""
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    for turn in range(rounds + 1):
        for name, function in variants.items():
            start = cpu_seconds()
            function()
            if turn:  # the first turn does not count
                seconds[name].append(cpu_seconds() - start)
    return {name: Times(tuple(taken)) for name, taken in seconds.items()}


def check_parity(
    ours: FoldTraining,
    loaded: FoldTraining,
    plain: FoldTraining,
    files: WindowFiles,
    *,
    windows: Sequence[Sequence[int]],
) -> str:
    """Assert that the variants train the same network on the same windows; return by how much plain layers differ."""
    batches = list(files.batches(windows, workers=2))  # before the seed: a loader draws a number of its own
    torch.manual_seed(0)
    losses = our_steps(ours, windows)
    torch.manual_seed(0)
    theirs = published_steps(loaded, iter(batches))
    assert losses == theirs, f"the loader trains on other windows: losses {theirs} instead of {losses}"
    plain.network.load_state_dict(ours.network.state_dict())
    streams, _, mask = next(files.batches(windows, workers=0))
    with torch.inference_mode():
        one, other = (training.network.eval()(streams, mask).predictions for training in (plain, ours))
    difference = float((one - other).abs().max())
    assert difference < 1e-4, f"plain layers predict otherwise, by up to {difference}"
    return f"{difference:.0e}"


def steps_table(folder: Path, *, rounds: int, frames: int) -> str:
    """Time all variants in turns."""
    ours = {name: make_training(folder, precision=name) for name in PRECISIONS}
    loaded, plain = make_training(folder), make_training(folder)
    make_plain(plain.network)
    files = WindowFiles.write(folder / "windows", loaded)
    difference = check_parity(ours["float32"], loaded, plain, files, windows=BATCHES)
    with FlopCounterMode(display=False) as counter:
        our_steps(ours["float32"], BATCHES)
    gmac = counter.get_total_flops() / 2e9 / STEPS
    variants: dict[str, Callable[[], object]] = {
        **{f"ours, {name}": partial(our_steps, one, BATCHES) for name, one in ours.items()},
        "ours from files of windows, no worker": lambda: published_steps(loaded, files.batches(BATCHES, workers=0)),
        "ours from files of windows, 2 workers": lambda: published_steps(loaded, files.batches(BATCHES, workers=2)),
        "(a) plain layers, files of windows, 2 workers": lambda: published_steps(
            plain, files.batches(BATCHES, workers=2)
        ),
        "frozen backbones": FrozenBackbones(frames),
        **{f"ceiling, {name}": Ceiling(precision) for name, precision in PRECISIONS.items()},
    }
    times = take_turns(variants, rounds=rounds)
    per_step = {name: Times(tuple(taken / STEPS for taken in one.seconds)) for name, one in times.items()}
    published, backbones = per_step["(a) plain layers, files of windows, 2 workers"], times["frozen backbones"]
    share = BATCH * WINDOW / frames
    per_step["(b) frozen backbones in every step, plain layers"] = Times(
        tuple(a + b * share for a, b in zip(published.seconds, backbones.seconds, strict=True))
    )
    rows = []
    for name, one in per_step.items():
        if name == "frozen backbones" or name.startswith("ceiling"):
            continue
        precision = "bfloat16" if name.endswith("bfloat16") else "float32"
        rate, ceiling = gmac / statistics.median(one.seconds), times[f"ceiling, {precision}"].rate(5 * Ceiling.GMAC)
        fraction = f"{rate / ceiling:.2f} of {ceiling:.0f}" if "(b)" not in name else ""
        goal = f"{GOALS[precision]:.2f}" if name.startswith("ours, ") else ""
        faster = spread(per_step["ours, float32"].over(one)), spread(per_step["ours, bfloat16"].over(one))
        rows.append([name, statistics.median(one.seconds), fraction, goal, *faster])
    header = ["step of 12 x 300 frames", "CPU s", "of the ceiling, GMAC/s", "goal", "ours float32", "ours bfloat16"]
    return "\n".join(
        [
            f"{gmac:.1f} GMAC a step; plain layers predict the same up to {difference}; the loader's losses are equal.",
            "The last two columns: how many times faster ours is.\n",
            table(header, rows),
        ]
    )


def train_on(core: int, folder: Path, steps: int, start: "multiprocessing.synchronize.Event", report: Path) -> None:
    """Train in a process of its own, pinned to a core; report its CPU and wall seconds per step."""
    os.sched_setaffinity(0, {core})
    torch.set_num_threads(1)
    training = make_training(folder)
    our_steps(training, BATCHES)
    start.wait()
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(steps):
        our_steps(training, BATCHES)
    done = (time.process_time() - cpu) / steps / STEPS, (time.perf_counter() - wall) / steps / STEPS
    report.write_text(json.dumps(done), encoding="utf-8")


def side_by_side(folder: Path, *, rounds: int, steps: int = 4) -> str:
    """Compare one training with one per core, at the same time: the CPU time of a step grows by what they share."""
    cores = sorted(os.sched_getaffinity(0))
    context = multiprocessing.get_context("spawn")
    found: dict[int, list[tuple[float, float]]] = {1: [], len(cores): []}
    for _ in range(rounds):
        for count, kept in found.items():
            start, reports = context.Event(), [folder / f"report{core}" for core in cores[:count]]
            processes = [
                context.Process(target=train_on, args=(core, folder, steps, start, report))
                for core, report in zip(cores, reports, strict=False)
            ]
            for process in processes:
                process.start()
            start.set()
            for process in processes:
                process.join()
            times = [json.loads(report.read_text(encoding="utf-8")) for report in reports]
            kept.append((statistics.mean(cpu for cpu, _ in times), statistics.mean(wall for _, wall in times)))
    alone, together = found[1], found[len(cores)]
    cpu, wall = ([a[part] / b[part] for a, b in zip(alone, together, strict=True)] for part in (0, 1))
    rows = [
        [name, spread((statistics.median(ratios), min(ratios), max(ratios))), EFFICIENCY]
        for name, ratios in (("CPU time", cpu), ("wall time, with whatever else ran", wall))
    ]
    header = [f"{len(cores)} trainings side by side, efficiency by", "median [range]", "goal"]
    return table(header, rows)


def main() -> None:
    # Two loader processes on one core, which is how their CPU seconds are counted.
    warnings.filterwarnings("ignore", message="This DataLoader will create")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="timings per variant (default: %(default)s)")
    parser.add_argument("--frames", type=int, default=32, help="frames of backbones per timing (default: %(default)s)")
    parser.add_argument("--dry-run", action="store_true", help="print the figures without writing a result file")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with one_pinned_thread():
            steps = steps_table(folder, rounds=arguments.rounds, frames=arguments.frames)
        together = side_by_side(folder, rounds=arguments.rounds)
    text = f"torch {torch.__version__}, one thread, {arguments.rounds} rounds\n\n{steps}\n\n{together}"
    print(f"{machine()}\n\n{text}")
    if not arguments.dry_run:
        print(f"\nwritten to {write_section('training', text)}")


if __name__ == "__main__":
    main()
