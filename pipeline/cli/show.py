"""`affectflow show`: one trial's video beside its traces, in the browser."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.inspect import trials

if TYPE_CHECKING:
    from pipeline.show.trial import Shown

Name = Annotated[
    str, typer.Argument(metavar="TRIAL", help="A trial, as in data/clips/manifest.csv.", autocompletion=trials)
]
Port = Annotated[int, typer.Option(min=0, max=65535, help="Port on this machine; 0 takes a free one.")]
NoBrowser = Annotated[bool, typer.Option("--no-browser", help="Open no browser: print the address alone.")]
Copy = Annotated[bool, typer.Option("--copy", help="Play a copy in H.264, whatever the video is coded as.")]


def show(trial: Name, port: Port = 0, no_browser: NoBrowser = False, copy: Copy = False) -> None:
    """Play a trial's video in step with its labels and predictions, on a page that this machine alone can open.

    A video that browsers do not play is copied for them into a temporary file first. Ctrl-C ends the command. Exits
    with 1 where there is no such trial, or no model predicts it.

    Example: `affectflow show video18 --no-browser --port 8123`
    """
    import signal
    import tempfile
    import webbrowser

    from pipeline.config import load
    from pipeline.runtime.errors import AffectflowError
    from pipeline.show.page import render
    from pipeline.show.server import open_server
    from pipeline.show.trial import find

    # Ended otherwise than by Ctrl-C, the command removes its copy of the video, too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    params = load()
    shown = find(trial, params, root=Path())
    with tempfile.TemporaryDirectory(prefix="affectflow-show-") as folder:
        video, notes = _video(shown, Path(folder), copy=copy)
        if shown.unread:
            notes.append(f"Not evaluated yet, so not shown: {', '.join(shown.unread)}.")
        for note in notes:
            typer.echo(note)
        page = render(shown, params, root=Path(), notes=notes).encode()
        try:
            server = open_server(page, video, port=port)
        except OSError as error:
            raise AffectflowError(
                f"port {port} cannot be used: {error.strerror} -> name another with --port"
            ) from error
        address = f"http://localhost:{server.server_port}/"
        typer.echo(f"{trial} is shown at {address} until Ctrl-C ends this command")
        if not no_browser:
            webbrowser.open(address)
        with server:
            try:
                server.serve_forever()
            except KeyboardInterrupt:
                typer.echo("stopped")


def _video(shown: "Shown", folder: Path, *, copy: bool) -> tuple[tuple[Path, str] | None, list[str]]:
    """Return the file to play and its media type, if there is one, and what is to be said about it."""
    from pipeline.clips.clip import read_clip
    from pipeline.show.video import copy_for_browsers, media_type_of, obstacle

    if shown.video is None:
        return None, ["The trial's video is not on this machine: its traces are shown alone."]
    why = "it was asked for" if copy else obstacle(shown.video, separate_sound=shown.separate_sound)
    if why is None:
        return (shown.video, media_type_of(shown.video)), []
    file = folder / "video.mp4"
    copy_for_browsers(shown.video, read_clip(shown.clip, faces=False), file)
    return (file, media_type_of(file)), [f"The page plays a copy of {shown.video.name}: {why}."]
