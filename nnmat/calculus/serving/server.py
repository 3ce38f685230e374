"""A server for this machine alone: a page, its files, and answers in JSON.

Only the loopback address is listened at. A request is answered if it names this server as its host, and a question if
it is JSON from this server's own page: pages of other sites, which a browser lets call any address, get nothing.
"""

import json
import traceback
from functools import cache
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from threading import Lock
from typing import Any

from ..pages.derivation_page import static
from .answers import derived, graded

HOST = "127.0.0.1"
LARGEST = 100_000  # bytes of a question
PASSED_OVER = 100 * LARGEST  # bytes that are read of one that is too large
METHODS = "GET, HEAD, POST"
PATIENCE = 10.0  # seconds that a client has to send what it announced
POLICY = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'"
QUESTIONS = {"/derive": derived, "/grade": graded}
FAULT = "This could not be answered, by a fault of nnmat. The terminal where `nnmat serve` runs shows which.\n"


@cache
def _file(path: str) -> tuple[str, str] | None:
    """The type and the text of what stands at a path."""
    own = files(__package__)
    if path == "/":
        return "text/html", (own / "page.html").read_text(encoding="utf-8")
    if path == "/style.css":
        return "text/css", static("style.css") + (own / "form.css").read_text(encoding="utf-8")
    if path == "/page.js":
        return "text/javascript", static("copying.js") + (own / "page.js").read_text(encoding="utf-8")
    return None


class _Handler(BaseHTTPRequestHandler):
    server_version, sys_version = "nnmat", ""
    timeout = PATIENCE
    server: "CalculusServer"

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        if not self._from_here():
            return
        found = _file(self.path)
        if found is None:
            self._send(HTTPStatus.NOT_FOUND, "text/plain", "Not found. The page is at /.\n")
        else:
            self._send(HTTPStatus.OK, *found)

    def do_POST(self) -> None:
        if not self._from_here():
            return
        answer = QUESTIONS.get(self.path)
        length = self.headers.get("Content-Length", "")
        size = int(length) if length.isascii() and length.isdigit() and len(length) < 20 else -1
        try:
            body = self._read(size)
        except TimeoutError:
            self._send(HTTPStatus.REQUEST_TIMEOUT, "text/plain", f"Expected {size:,} bytes in {PATIENCE:.0f} s.\n")
            return
        if answer is None:
            self._send(HTTPStatus.NOT_FOUND, "text/plain", f"Not found. There are {', '.join(QUESTIONS)}.\n")
        elif self.headers.get_content_type() != "application/json":
            self._send(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "text/plain", "Expected application/json.\n")
        elif not 0 <= size <= LARGEST:
            self._send(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "text/plain", f"Expected at most {LARGEST:,} bytes.\n")
        else:
            self._answer(answer, body)

    def _read(self, size: int) -> bytes:
        """The body, or the end of one that is too large: a client that still writes would not see the answer."""
        left, body = min(size, PASSED_OVER), b""
        while left > 0 and (piece := self.rfile.read(min(left, LARGEST))):
            left, body = left - len(piece), piece
        return body

    def _answer(self, answer, body: bytes) -> None:
        try:
            asked: Any = json.loads(body)
        except (ValueError, RecursionError):
            self._send(HTTPStatus.BAD_REQUEST, "text/plain", "Expected JSON.\n")
            return
        try:
            with self.server.one_at_a_time:
                found = json.dumps(answer(asked))
        except Exception:  # whatever it is, the page is told
            traceback.print_exc()
            self._send(HTTPStatus.INTERNAL_SERVER_ERROR, "text/plain", FAULT)
            return
        self._send(HTTPStatus.OK, "application/json", found)

    def _from_here(self) -> bool:
        """Whether the request is for this server, and from its own page if it says from where; others get an error."""
        own = [f"{name}:{self.server.server_port}" for name in (HOST, "localhost")]
        origin = self.headers.get("Origin")
        fine = self.headers.get("Host") in own and (origin is None or origin.removeprefix("http://") in own)
        if not fine:
            self._send(HTTPStatus.FORBIDDEN, "text/plain", f"This server answers its own page, http://{own[0]}/.\n")
        return fine

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the base class refuses: requests that are none, and methods other than those here."""
        if code == HTTPStatus.NOT_IMPLEMENTED:
            self._send(HTTPStatus.METHOD_NOT_ALLOWED, "text/plain", f"Expected {METHODS}.\n", ("Allow", METHODS))
        else:
            self._send(HTTPStatus(code), "text/plain", f"{HTTPStatus(code).phrase}.\n")

    def _send(self, status: HTTPStatus, kind: str, text: str, *more: tuple[str, str]) -> None:
        body = text.encode("utf-8")
        self.send_response(status)
        for name, value in (
            ("Content-Type", f"{kind}; charset=utf-8"),
            ("Content-Length", str(len(body))),
            ("Content-Security-Policy", POLICY),
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "no-referrer"),
            ("Cache-Control", "no-store"),
            *more,
        ):
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """The terminal shows where the page is, not who looked at it."""


class CalculusServer(ThreadingHTTPServer):
    """The server; port 0 takes one that is free. `address` is what to open."""

    daemon_threads = True

    def __init__(self, port: int = 0):
        super().__init__((HOST, port), _Handler)
        self.one_at_a_time = Lock()  # a derivation takes milliseconds

    @property
    def address(self) -> str:
        return f"http://{HOST}:{self.server_port}/"
