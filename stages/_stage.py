"""What every stage's entry shares: parameters, errors without tracebacks, and earlier results kept after a failure."""

import logging
import os
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module

from pipeline.compute.executor import Executor
from pipeline.config import Params, load
from pipeline.errors import AffectflowError


def load_params() -> Params:
    """Read params.yaml and check all of it, the options of every model included.

    The check of the options is imported by name: it guards the run and reaches no result, so it is no dependency.
    """
    params = load("params.yaml")
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
        _restore()
        sys.exit(1)
    except KeyboardInterrupt:
        _restore()
        sys.exit(130)
    except BaseException:
        _restore()
        raise


def _restore() -> None:
    """Bring back what DVC removed before it started this stage: the results of the last run that succeeded."""
    stage = os.environ.get("DVC_STAGE")
    if stage:
        command = [sys.executable, "-m", "dvc", "checkout", "--quiet", "--force", stage]
        subprocess.run(command, cwd=os.environ.get("DVC_ROOT"), check=False, stderr=subprocess.DEVNULL)
