"""The params.yaml that `affectflow init` writes: that of the demo, for a corpus of one's own."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["table", "affwild2", "recola"]

FILES = {"ir50": "data/weights/res50_ir_0.887.pth", "vggish": "data/weights/vggish-10086976.pth"}
"""The published weights of the backbones that a new params.yaml names."""

MODELS = {
    "visual": ("unimodal", ("ir50", "ir50")),
    "audio": ("unimodal", ("vggish", "vggish")),
    "concatenation": ("concatenation", ("ir50", "vggish")),
    "grjca": ("gated_joint_cross_attention", ("ir50", "vggish")),
}
"""Fusion system and streams of each model; a corpus without sound has the first alone."""


@dataclass(frozen=True)
class NewCorpus:
    """What a new params.yaml says of a corpus.

    Parameters
    ----------
    kind : of reader
    root, index, manifest : paths; `manifest` of a table alone
    title : of the report
    targets : range of each
    guessed : whether the ranges are guesses
    sound : whether trials have sound
    folds : how many
    weights : SHA-256 of each file of weights that is there, by backbone
    """

    kind: Kind
    root: str
    index: str
    manifest: str | None
    title: str
    targets: Mapping[str, tuple[float, float]]
    guessed: bool
    sound: bool
    folds: int
    weights: Mapping[str, str]


def params_text(corpus: NewCorpus) -> str:
    """Write a params.yaml with its comments; every section is there, and what it leaves out has its published value."""
    return "\n".join([*_corpus(corpus), *_work(corpus), *_models(corpus), *_end(corpus)]) + "\n"


def _corpus(corpus: NewCorpus) -> list[str]:
    ranges = ", ".join(f"{name}: [{low:g}, {high:g}]" for name, (low, high) in corpus.targets.items())
    lines = [
        f"# {_one_line(corpus.title)}. Written by `affectflow init`; one section per stage. What is not here has its",
        "# default, the published value; docs/corpora.md, docs/backbones.md and docs/fusion.md say what else there is.",
        "",
        "corpus:                       # affectflow index, clips",
        f"  kind: {corpus.kind}",
        f"  root: {quoted(corpus.root)}",
        f"  index: {quoted(corpus.index)}  # written by `affectflow index`; it belongs to git",
    ]
    if corpus.manifest is not None:
        lines.append(f"  manifest: {quoted(corpus.manifest)}  # a row per video: docs/corpora.md")
    note = "  # guessed from the labels: correct the scale if it is another" if corpus.guessed else ""
    lines.append(f"  targets: {{{ranges}}}{note}")
    if corpus.kind != "affwild2":
        names = ", ".join(f"{name}: 2.0" for name in corpus.targets)
        lines.append(f"  label_delay: {{}}             # seconds by which raters answer late, such as {{{names}}}")
    lines += [
        "  sample: null                # data/sample/<file>: a challenge's sample submission, if there is one",
        "",
        "compute:",
        "  numerics: native            # this processor's fastest kernels; portable: the same bytes on all of them",
        "",
        "clips: {}                     # `on_error: skip` lists unusable trials in data/clips/rejected.csv and goes on",
        "",
        *_folds(corpus),
    ]
    return lines


def _folds(corpus: NewCorpus) -> list[str]:
    if corpus.kind == "affwild2":
        return [
            "folds:",
            "  scheme: abaw                # the six published folds",
            "",
        ]
    return [
        "folds:                        # by subject: all trials of a person are on one side",
        f"  count: {corpus.folds}",
        "",
    ]


def _work(corpus: NewCorpus) -> list[str]:
    lines = ["backbones:                    # extract@<backbone>"]
    for name in FILES if corpus.sound else ("ir50",):
        lines.append(f"  {name}:")
        if name in corpus.weights:
            lines += [f"    weights: {FILES[name]}", f"    sha256: {corpus.weights[name]}"]
        else:
            lines += [
                "    weights: random           # for a trial run: what random networks give is no result about people;",
                f"                              # `affectflow weights` says where {FILES[name]} is from",
            ]
        lines += ["    batch: 256"] if name == "vggish" else []
    lines += ["", "training:                     # train@<model>; a model may override any of these under `training:`"]
    if corpus.kind == "affwild2":
        return [*lines, "  epochs: 100", "  early_stopping: 50          # epochs without a better validation P", ""]
    return [
        *lines,
        "  window: 100                 # frames",
        "  hop: 50                     # frames",
        "  batch: 4                    # windows",
        "  learning_rate: 0.001",
        "  warm_up: linear",
        "  warm_up_epochs: 2",
        "  min_learning_rate: 1.0e-6",
        "  epochs: 30",
        "  early_stopping: 10          # epochs without a better validation P",
        "",
    ]


def _models(corpus: NewCorpus) -> list[str]:
    lines = ["models:                       # train@<model>, evaluate@<model>"]
    for name, (fusion, streams) in MODELS.items():
        if "vggish" in streams and not corpus.sound:
            continue
        once = (
            "    # one stream, named twice: dvc.yaml reads the first, second and last entry" if name == "visual" else ""
        )
        lines += [
            f"  {name}:",
            f"    fusion: {fusion}",
            f"    streams: [{', '.join(streams)}]{once}",
            "    temporal: tcn",
            "    encoders:",
        ]
        lines += ["      visual: {channels: [64, 64, 64, 64]}"] if "ir50" in streams else []
        lines += ["      audio: {channels: [64, 64, 32, 32]}"] if "vggish" in streams else []
    return [*lines, ""]


def _end(corpus: NewCorpus) -> list[str]:
    top = 3 if corpus.kind == "affwild2" else min(3, corpus.folds)
    return [
        "finetune:                     # finetune@<model>, for the models named here; docs/finetuning.md",
        "  models: {}",
        "",
        "evaluate:                     # evaluate@<model>",
        f"  top_folds: {top}                # test predictions come from the folds with the highest validation P",
        "",
        "ensembles: {}                 # ensemble@<name>; docs/ensembles.md",
        "",
        f"report: {{title: {quoted(corpus.title)}}}",
    ]


def quoted(text: str) -> str:
    """Write a text as YAML, in quotes where it needs them."""
    import json
    import re

    plain = re.fullmatch(r"[A-Za-z/.][A-Za-z0-9/._ -]*", text) and not text.endswith(" ")
    reserved = text.lower() in {"null", "true", "false", "yes", "no", "on", "off", "y", "n", ".", ".."}
    return text if plain and not reserved else json.dumps(text, ensure_ascii=False)


def _one_line(text: str) -> str:
    return " ".join(text.split()).rstrip(".")


def default_title(root: Path) -> str:
    """Return a title for a corpus from its folder's name."""
    return f"affectflow on {root.resolve().name or 'a corpus'}"
