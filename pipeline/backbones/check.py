"""Checking before anything runs that clips will hold what the backbones of params.yaml need."""

from pipeline.backbones.backbone import available_backbones, load_backbone
from pipeline.backbones.needs import unmet_needs
from pipeline.config import Params
from pipeline.errors import ConfigError


def check_backbones(params: Params) -> None:
    """Compare what each backbone needs with the section `clips`; one that does not exist is named by its own stage.

    Raises
    ------
    ConfigError
        Names every need that is not met, and what to set.
    """
    known = available_backbones()
    problems = [
        f"backbones.{name} {problem}"
        for name in params.backbones
        if name in known
        for problem in unmet_needs(load_backbone(name).NEEDS, params.clips)
    ]
    if problems:
        raise ConfigError("\n".join(["params.yaml:", *(f"  {problem}" for problem in problems)]))
