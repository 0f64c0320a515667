"""A server of one page and one video, for this machine alone."""

import re
import shutil
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"
NAMES = (HOST, "localhost")
"""What a request may call this server; another name is another site's that resolves to it."""


class Pages(BaseHTTPRequestHandler):
    """Answers GET and HEAD of ``/`` and ``/video``, the latter in parts where a player asks for them.

    Parameters
    ----------
    page : HTML
    video : the file and its media type, if there is one
    """

    protocol_version = "HTTP/1.1"

    def __init__(self, *arguments: Any, page: bytes, video: tuple[Path, str] | None) -> None:
        self._page, self._video = page, video
        super().__init__(*arguments)

    def do_GET(self) -> None:
        """Answer with head and body."""
        self._answer()

    def do_HEAD(self) -> None:
        """Answer with the head alone."""
        self._answer()

    def _answer(self) -> None:
        path = self.path.partition("?")[0]
        if self.headers.get("Host", "").rpartition(":")[0] not in NAMES:
            self.send_error(HTTPStatus.FORBIDDEN, "this server answers to localhost alone")
        elif path == "/":
            self._head(HTTPStatus.OK, "text/html; charset=utf-8", len(self._page))
            self._body(lambda: self.wfile.write(self._page))
        elif path == "/video" and self._video is not None:
            self._send_video(*self._video)
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def _send_video(self, path: Path, kind: str) -> None:
        size = path.stat().st_size
        wanted = self.headers.get("Range")
        part = parse_range(wanted, size) if wanted else (0, size)
        if part is None:
            self._head(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, kind, 0, {"Content-Range": f"bytes */{size}"})
            return
        start, end = part
        status = HTTPStatus.PARTIAL_CONTENT if wanted else HTTPStatus.OK
        more = {"Content-Range": f"bytes {start}-{end - 1}/{size}"} if wanted else {}
        self._head(status, kind, end - start, more)
        self._body(lambda: self._copy(path, start, end))

    def _copy(self, path: Path, start: int, end: int) -> None:
        with path.open("rb") as file:
            file.seek(start)
            shutil.copyfileobj(_Part(file.read, end - start), self.wfile)

    def _head(self, status: HTTPStatus, kind: str, length: int, more: dict[str, str] | None = None) -> None:
        self.send_response(status)
        head = {
            "Content-Type": kind,
            "Content-Length": str(length),
            "Accept-Ranges": "bytes",
            "Cache-Control": "no-store",
        }
        for name, value in (head | (more or {})).items():
            self.send_header(name, value)
        self.end_headers()

    def _body(self, send: Callable[[], object]) -> None:
        try:
            if self.command == "GET":
                send()
        except (BrokenPipeError, ConnectionResetError):
            # A player that seeks gives up what it had asked for.
            self.close_connection = True

    def log_message(self, format: str, *arguments: Any) -> None:
        """Write no line per request: the terminal shows the address and how to stop."""


class _Part:
    """Reads at most so many bytes."""

    def __init__(self, read: Callable[[int], bytes], left: int) -> None:
        self._read, self._left = read, left

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes, none behind the end."""
        data = self._read(self._left if size < 0 else min(size, self._left))
        self._left -= len(data)
        return data


def parse_range(header: str, size: int) -> tuple[int, int] | None:
    """Return the first byte and the one behind the last that ``Range: bytes=...`` asks for, None where there is none.

    Of several ranges the first is answered, as a server may.
    """
    found = re.match(r"bytes=(\d*)-(\d*)", header.strip())
    if not found or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    start, end = (size - int(last), size) if not first else (int(first), int(last) + 1 if last else size)
    start, end = max(start, 0), min(end, size)
    return (start, end) if start < end else None


def open_server(page: bytes, video: tuple[Path, str] | None, *, port: int) -> ThreadingHTTPServer:
    """Return a server that listens on this machine's own address; port 0 takes a free one.

    Raises
    ------
    OSError
        The port is taken.
    """
    server = ThreadingHTTPServer((HOST, port), partial(Pages, page=page, video=video))
    server.daemon_threads = True
    return server
