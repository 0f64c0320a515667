"""What every stage's entry shares: parameters, errors without tracebacks, and earlier results kept after a failure."""

import logging
import os
import sys
from collections.abc import Callable
from importlib import import_module

from pipeline.compute.executor import Executor
from pipeline.config.params import Params, load
from pipeline.errors import AffectflowError
from stages._restore import restore_results


def load_params() -> Params:
    """Read params.yaml and check all of it, the options of every model and the needs of every backbone included.

    These checks are imported by name: they guard the run and reach no result, so they are no dependencies.
    """
    params = load("params.yaml")
    import_module("pipeline.backbones.check").check_backbones(params)
    import_module("pipeline.training.build").check_models(params)
    return params


def executor_of(params: Params, *, device: bool = False) -> Executor:
    """Return the executor of the `compute` section; `device` says whether the work can use a GPU."""
    compute = params.compute
    return Executor(engine=compute.engine, workers=compute.workers, device=compute.device if device else "cpu")


def run_stage(main: Callable[[], None]) -> None:
    """Run a stage; errors meant for the user end it with their text alone."""
    logging.basicConfig(level=os.environ.get("AFFECTFLOW_LOG", "INFO").upper(), format="%(levelname)s %(message)s")
    try:
        main()
    except AffectflowError as error:
        print(f"\nerror: {error}", file=sys.stderr)
        restore_results()
        sys.exit(1)
    except KeyboardInterrupt:
        restore_results()
        sys.exit(130)
    except BaseException:
        restore_results()
        raise
