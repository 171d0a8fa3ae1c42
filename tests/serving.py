"""A web server on this machine that publishes one file, as well or as badly as it is told."""

import contextlib
import dataclasses
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

STEP = 500  # bytes sent at once


@dataclasses.dataclass
class Site:
    """What is published, how; and what was asked for.

    `cuts` are bytes of the body after which the next answers end, `status` is all that is answered;
    `/moved` leads to the file. The body waits at `gate` from byte `halt` of an answer on.
    """

    content: bytes = dataclasses.field(repr=False)
    port: int = 0
    ranges: bool = True
    length: bool = True
    chunked: bool = False
    status: int | None = None
    cuts: list[int] = dataclasses.field(default_factory=list)
    halt: int = 0
    gate: threading.Event = dataclasses.field(default_factory=threading.Event)
    asked: list[str | None] = dataclasses.field(default_factory=list)
    paths: list[str] = dataclasses.field(default_factory=list)
    sent: int = 0

    def url(self, name: str = "file.npz") -> str:
        return f"http://127.0.0.1:{self.port}/{name}"


class Answer(BaseHTTPRequestHandler):
    """GET, with the ranges that are asked of it."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        site: Site = self.server.site  # type: ignore[attr-defined]
        asked = self.headers.get("Range")
        site.asked.append(asked)
        site.paths.append(self.path)
        partial = asked is not None and site.ranges
        start = int(asked[6:-1]) if asked and partial else 0
        self.close_connection = True
        if self.path == "/moved":
            self.head(302, Location=site.url())
        elif site.status is not None:
            self.send_error(site.status)
        elif partial and start >= len(site.content):
            self.head(416, Content_Range=f"bytes */{len(site.content)}", Content_Length="0")
        else:
            self.give(site, 206 if partial else 200, start)

    def head(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in {**headers, "Connection": "close"}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def give(self, site: Site, status: int, start: int) -> None:
        body = site.content[start:]
        headers = {"Content_Length": str(len(body))} if site.length else {}
        if site.chunked:
            headers = {"Transfer_Encoding": "chunked"}
        if status == 206:
            end = len(site.content)
            headers["Content_Range"] = f"bytes {start}-{end - 1}/{end}"
        self.head(status, **headers)
        cut = site.cuts.pop(0) if site.cuts else None
        for at in range(0, len(body[:cut]), STEP):
            if at >= site.halt:
                site.gate.wait(20)
            piece = body[:cut][at : at + STEP]
            framed = b"%x\r\n%b\r\n" % (len(piece), piece) if site.chunked else piece
            site.sent += len(piece)
            self.wfile.write(framed)
        if site.chunked and cut is None:
            self.wfile.write(b"0\r\n\r\n")

    def log_message(self, format: str, *args: Any) -> None:
        """Silence."""


class Server(ThreadingHTTPServer):
    """Waits for its threads in the end; who goes away meanwhile may."""

    daemon_threads = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Silence."""


@contextlib.contextmanager
def published(content: bytes) -> Iterator[Site]:
    """A site on a free port, as long as the block lasts."""
    with Server(("127.0.0.1", 0), Answer) as server:
        site = Site(content, port=server.server_address[1])
        site.gate.set()
        server.site = site  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield site
        finally:
            site.gate.set()
            server.shutdown()
            thread.join()
