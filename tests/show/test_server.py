import http.client
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from pipeline.show.server import HOST, open_server, parse_range

VIDEO = bytes(range(256)) * 4


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ThreadingHTTPServer]:
    file = tmp_path / "v.mp4"
    file.write_bytes(VIDEO)
    with open_server(b"<p>page</p>", (file, "video/mp4"), port=0) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def ask(
    server: ThreadingHTTPServer, path: str, *, method: str = "GET", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(HOST, server.server_port, timeout=20)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    found = answer.status, dict(answer.getheaders()), answer.read()
    connection.close()
    return found


def test_the_page_and_the_video_are_served(server: ThreadingHTTPServer) -> None:
    status, head, body = ask(server, "/?again")
    assert (status, body) == (200, b"<p>page</p>")
    assert head["Content-Type"] == "text/html; charset=utf-8"
    status, head, body = ask(server, "/video")
    assert (status, body, head["Content-Type"], head["Accept-Ranges"]) == (200, VIDEO, "video/mp4", "bytes")
    status, head, body = ask(server, "/video", method="HEAD")
    assert (status, body, head["Content-Length"]) == (200, b"", str(len(VIDEO)))


@pytest.mark.parametrize(
    ("wanted", "start", "end"),
    [("bytes=0-0", 0, 1), ("bytes=100-199", 100, 200), ("bytes=1000-", 1000, 1024), ("bytes=-24", 1000, 1024)],
)
def test_a_player_gets_the_part_that_it_asks_for(
    server: ThreadingHTTPServer, wanted: str, start: int, end: int
) -> None:
    status, head, body = ask(server, "/video", Range=wanted)
    assert (status, body) == (206, VIDEO[start:end])
    assert head["Content-Range"] == f"bytes {start}-{end - 1}/1024"
    assert head["Content-Length"] == str(end - start)


def test_a_part_behind_the_end_is_refused(server: ThreadingHTTPServer) -> None:
    status, head, _ = ask(server, "/video", Range="bytes=1024-")
    assert (status, head["Content-Range"]) == (416, "bytes */1024")


def test_nothing_else_is_served_and_no_other_host(server: ThreadingHTTPServer) -> None:
    assert ask(server, "/etc/passwd")[0] == 404
    assert ask(server, "/video/../../v.mp4")[0] == 404
    assert ask(server, "/", method="POST")[0] == 501
    assert ask(server, "/", Host="example.org:80")[0] == 403
    assert ask(server, "/", Host=f"localhost:{server.server_port}")[0] == 200


def test_it_listens_on_this_machine_alone_and_says_when_a_port_is_taken(server: ThreadingHTTPServer) -> None:
    assert server.server_address[0] == "127.0.0.1"
    with pytest.raises(OSError, match="in use"):
        open_server(b"", None, port=server.server_port)


@pytest.mark.parametrize("header", ["bytes=-", "bytes=5-2", "items=0-5", "bytes=a-b", "bytes=-0"])
def test_what_asks_for_nothing_gets_nothing(header: str) -> None:
    assert parse_range(header, 100) is None
