"""The console script: all commands, and errors without tracebacks."""

import sys

import typer

from pipeline.cli.cache import cache
from pipeline.cli.compare import compare
from pipeline.cli.corpus import index, validate
from pipeline.cli.doctor import doctor
from pipeline.cli.export import export
from pipeline.cli.folds import folds
from pipeline.cli.init import init
from pipeline.cli.inspect import inspect
from pipeline.cli.predict import pack, predict
from pipeline.cli.preset import preset
from pipeline.cli.run import run
from pipeline.cli.show import show
from pipeline.cli.status import status
from pipeline.cli.weights import weights
from pipeline.runtime.errors import AffectflowError, disk_error

app = typer.Typer(
    help="Continuous valence and arousal from video. Run it in the root of a clone; `dvc repro` does the work.",
    epilog="Exit codes: 0 done; 1 a mistake or a problem, told with its place and remedy; 2 the command line cannot be "
    "understood; `run` without --jobs ends as `dvc repro` does. docs/commands.md has an example of each command.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
# In the order in which a newcomer needs them. Each imports the library when it runs: `--help` answers at once.
app.command()(doctor)
app.command()(init)
app.command()(preset)
app.command()(validate)
app.command()(weights)
app.command()(index)
app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(run)
app.command()(status)
app.command()(show)
app.command()(folds)
app.command()(inspect)
app.command()(compare)
app.command()(predict)
app.command()(pack)
app.add_typer(export, name="export")
app.add_typer(cache, name="cache")


def main() -> None:
    """Run a command; errors meant for the user end it with their text alone."""
    try:
        app()
    except AffectflowError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:
        # The reader (`head`) has enough; what is still in the buffer must not raise once more on exit.
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:
        told = disk_error(error)
        if told is None:
            raise
        print(f"error: {told}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
