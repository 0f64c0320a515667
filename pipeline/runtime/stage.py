"""What every stage's entry shares: parameters, errors without tracebacks, and earlier results kept after a failure."""

import logging
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TypeVar

from pipeline.runtime.code import changed_since_loaded, source_path
from pipeline.runtime.config import ComputeConfig
from pipeline.runtime.errors import AffectflowError, ConfigError, disk_error
from pipeline.runtime.estimate import ItemCount
from pipeline.runtime.executor import Executor
from pipeline.runtime.numerics import require_portable
from pipeline.runtime.restore import restore_results
from pipeline.runtime.section import Section, nearest, read_yaml, validate

S = TypeVar("S", bound=Section)

PARAMS = "params.yaml"


@dataclass(frozen=True)
class StageParams:
    """A checked params.yaml, of which a stage reads the sections that it needs."""

    data: Mapping[str, Any]

    def section(self, kind: type[S], name: str) -> S:
        """Return one section; its defaults where the file leaves it out."""
        return validate(kind, self.data.get(name) or {}, at=name)

    def entry(self, kind: type[S], section: str, name: str) -> S:
        """Return one named entry of a section, such as a model.

        Raises
        ------
        ConfigError
            There is no such entry.
        """
        entries = self.data.get(section) or {}
        if name not in entries:
            raise ConfigError(f"{PARAMS} has no {section}.{name}{nearest(name, entries)}")
        return validate(kind, entries[name], at=f"{section}.{name}")

    def executor(self, *, device: bool = False) -> Executor:
        """Return the executor of the section `compute`; `device` says whether the work can use a GPU."""
        return Executor.from_config(self.section(ComputeConfig, "compute"), device=device)


def load_params(*, options: bool = True) -> StageParams:
    """Check the whole params.yaml, and give access to its sections.

    The check is imported by name: it guards the run and reaches no result, so the stage does not depend on it.

    Parameters
    ----------
    options : whether to compare the options of models with their networks, too, which loads PyTorch. A stage of
        seconds that needs no network leaves that to those before and after it
    """
    if options:
        import_module("pipeline.checks").check_file(PARAMS)
    else:
        import_module("pipeline.config").load(PARAMS)
    params = StageParams(read_yaml(PARAMS))
    if params.section(ComputeConfig, "compute").numerics == "portable":
        require_portable()
    return params


def _parameters() -> object:
    """Return what params.yaml holds, or None where it cannot be read: the stage's own check says why."""
    try:
        return read_yaml(PARAMS)
    except ConfigError:
        return None


def _check_unchanged(before: object) -> None:
    """Refuse results of code or parameters that are not those in the files: DVC would record the files' state."""
    changed = [str(source_path(module)) for module in changed_since_loaded()]
    if _parameters() != before:
        changed.append(PARAMS)
    if changed:
        raise AffectflowError(
            f"{', '.join(changed)} changed while the stage ran, and DVC would record the new state with the old "
            "results -> run it again; finished items are kept"
        )


def argument(what: str) -> str:
    """Return the stage's one argument, such as a model's name.

    Raises
    ------
    ConfigError
        It is missing, or there is more than one.
    """
    if len(sys.argv) != 2:
        raise ConfigError(f"one argument is needed: the {what}")
    return sys.argv[1]


def run_stage(main: Callable[[], None]) -> None:
    """Run a stage; errors meant for the user end it with their text alone."""
    logging.basicConfig(level=os.environ.get("AFFECTFLOW_LOG", "INFO").upper(), format="%(levelname)s %(message)s")
    before = _parameters()
    try:
        main()
        _check_unchanged(before)
    except ItemCount as count:
        print(count.as_json())
    except KeyboardInterrupt:
        restore_results()
        sys.exit(130)
    except BaseException as error:
        told = disk_error(error) or error
        restore_results()
        if not isinstance(told, AffectflowError):
            raise
        print(f"\nerror: {told}", file=sys.stderr)
        sys.exit(1)
