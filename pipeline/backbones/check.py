"""Checking before anything runs that clips will hold what the backbones of params.yaml need, and show their views."""

from pipeline.backbones.backbone import available_backbones, load_backbone
from pipeline.backbones.needs import unmet_needs
from pipeline.backbones.views import impossible_views
from pipeline.config.params import Params
from pipeline.errors import ConfigError


def check_backbones(params: Params) -> None:
    """Compare each backbone's needs and views with the section `clips`; one that does not exist its own stage names.

    Raises
    ------
    ConfigError
        Names every need that is not met and every view that there cannot be, and what to set.
    """
    known = available_backbones()
    problems = [
        f"backbones.{name} {problem}"
        for name in params.backbones
        if name in known
        for problem in unmet_needs(load_backbone(name).NEEDS, params.clips)
    ]
    problems += [
        f"backbones.{name}.views: {problem}"
        for name, config in params.backbones.items()
        if name in known
        for problem in impossible_views(load_backbone(name), config.views, face_size=params.clips.face_size)
    ]
    if problems:
        raise ConfigError("\n".join(["params.yaml:", *(f"  {problem}" for problem in problems)]))
