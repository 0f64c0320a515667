"""The page of one trial: the report's explorer, with the video in step."""

from pathlib import Path

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from pipeline.config import Params
from pipeline.report.explorer import explore
from pipeline.report.page import breakable
from pipeline.report.segments import read_segments
from pipeline.show.trial import Shown

DRAWN = 4
"""Models that are drawn at first."""


def render(shown: Shown, params: Params, *, root: Path, notes: list[str]) -> str:
    """Return the page, which plays ``/video`` where the trial has one.

    Parameters
    ----------
    shown : the trial
    params : all parameters
    root : the project
    notes : sentences on what differs from what a reader expects
    """
    targets = params.corpus.targets
    loader = ChoiceLoader([PackageLoader("pipeline.show", "."), PackageLoader("pipeline.report", ".")])
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
    environment.filters["breakable"] = breakable
    explorer = explore(
        {shown.name: shown.models},
        targets=targets,
        drawn=list(shown.models)[:DRAWN],
        segments=read_segments(root / params.corpus.root),
        clips=shown.clip.parent,
    )
    return environment.get_template("show.html").render(
        trial=shown.name, targets=list(targets), explorer=explorer, video=shown.video is not None, notes=notes
    )
