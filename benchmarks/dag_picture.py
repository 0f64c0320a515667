"""Draw the stages and what passes between them: `python -m benchmarks.dag_picture` writes docs/images/dag.svg."""

from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

TARGET = Path("docs/images/dag.svg")
INK, PAPER, EDGE, OPTIONAL = "#1d2733", "#eef4fb", "#4878a8", "#f5f5f2"

# name, what it writes, column, row, optional
BOXES = [
    ("index", "data/demo/index.csv", 0, 1.0, False),
    ("clips", "data/clips/<trial>.h5", 1, 1.0, False),
    ("folds", "data/folds.json", 2, 0.0, False),
    ("extract@<backbone>", "data/features/<backbone>.zarr", 2, 1.0, False),
    ("train@<model>", "models/<model>/fold<k>", 3, 0.5, False),
    ("finetune@<model>", "models/<model>-finetuned/", 3, 2.15, True),
    ("evaluate@<model>", "predictions/<model>/", 4, 0.5, False),
    ("ensemble@<name>", "predictions/<name>/", 4, 1.2, True),
    ("report", "reports/index.html", 5, 1.0, False),
]
# What passes from stage to stage; left out is that all stages after clips and folds read those two again.
ARROWS = [
    ("index", "clips"),
    ("clips", "folds"),
    ("clips", "extract@<backbone>"),
    ("folds", "train@<model>"),
    ("extract@<backbone>", "train@<model>"),
    ("train@<model>", "evaluate@<model>"),
    ("train@<model>", "finetune@<model>"),
    ("evaluate@<model>", "ensemble@<name>"),
    ("evaluate@<model>", "report"),
    ("finetune@<model>", "report"),
    ("ensemble@<name>", "report"),
]
STEP, WIDTH, HEIGHT = 2.95, 2.4, 0.62


def main() -> None:
    mpl.rcParams.update({"svg.hashsalt": "affectflow", "font.family": "DejaVu Sans", "svg.fonttype": "path"})
    figure = Figure(figsize=(15, 3.7), facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(-1.4, 5 * STEP + 1.4)
    axes.set_ylim(-3.1, 0.75)
    place = {name: (column * STEP, -row * 1.25) for name, _, column, row, _ in BOXES}
    for name, out, _, _, optional in BOXES:
        x, y = place[name]
        axes.add_patch(
            FancyBboxPatch(
                (x - WIDTH / 2, y - HEIGHT / 2),
                WIDTH,
                HEIGHT,
                boxstyle="round,pad=0.02,rounding_size=0.09",
                facecolor=OPTIONAL if optional else PAPER,
                edgecolor=EDGE,
                linewidth=1.3,
                linestyle=(0, (4, 3)) if optional else "solid",
            )
        )
        axes.text(x, y + 0.11, name, ha="center", va="center", fontsize=12, color=INK, weight="bold")
        axes.text(x, y - 0.15, out, ha="center", va="center", fontsize=7.8, color=INK)
    for start, end in ARROWS:
        (x0, y0), (x1, y1) = place[start], place[end]
        vertical, past_a_column = x0 == x1, x1 - x0 > 1.5 * STEP
        tail = (x0, y0 - HEIGHT / 2 - 0.03) if vertical else (x0 + WIDTH / 2 + 0.03, y0)
        head = (x1 - WIDTH / 2 - 0.04, y1)
        if vertical:
            head = (x1, y1 + HEIGHT / 2 + 0.04)
        elif past_a_column:
            head = (x1, y1 - HEIGHT / 2 - 0.04)  # from below, clear of the box between
        axes.annotate("", head, tail, arrowprops={"arrowstyle": "-|>", "color": EDGE, "linewidth": 1.4})
    axes.text(-1.2, -2.85, "dashed: only where params.yaml names one", fontsize=9, color=INK, ha="left", va="center")
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(TARGET, metadata={"Date": None})


if __name__ == "__main__":
    main()
