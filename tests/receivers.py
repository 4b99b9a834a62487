"""A sender service or a bridge's HTTP side, real and on loopback, that can be made to fail."""

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, NamedTuple, Self

Mode = Literal[
    "accept", "silent accept", "fail", "not connected", "timed out", "unavailable", "bad request",
    "redirect", "hang", "cut before", "cut after", "trickle",
]  # fmt: skip

STATUSES: dict[str, tuple[int, object]] = {
    "accept": (200, {"success": True, "message": "Message sent"}),
    "silent accept": (204, None),
    "fail": (500, {"error": "something broke"}),
    "not connected": (500, {"success": False, "message": "Not connected to WhatsApp"}),
    "timed out": (500, {"success": False, "message": "Error sending message: timed out"}),
    "unavailable": (503, None),
    "bad request": (400, {"success": False, "message": "recipient is required"}),
    "redirect": (307, None),
}
MAY_HAVE_SENT = ("accept", "silent accept", "fail", "timed out", "hang", "cut after", "trickle")


class Request(NamedTuple):
    """A request as it came."""

    path: str
    payload: dict[str, Any]
    mode: Mode


class Receiver:
    """Listens on `url` and does as `mode` says; `requests` are all that came whole."""

    def __init__(self, mode: Mode = "accept") -> None:
        self.mode: Mode = mode
        self.requests: list[Request] = []
        self._release = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver.take(self)

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._release.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def texts(self) -> list[str]:
        """What the group may have been sent."""
        return [each.payload["message"] for each in self.requests if each.mode in MAY_HAVE_SENT]

    def take(self, handler: BaseHTTPRequestHandler) -> None:
        """Handle one request, as the mode says."""
        mode = self.mode
        if mode == "cut before":
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)
            return
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        self.requests.append(Request(handler.path, json.loads(body), mode))
        if mode == "hang":
            self._release.wait(60)
            return
        if mode == "cut after":
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)
            return
        if mode == "trickle":
            handler.send_response(200)
            handler.send_header("Content-Length", "1000000")
            handler.end_headers()
            while not self._release.wait(0.05):
                handler.wfile.write(b" ")
            return
        status, answer = STATUSES[mode]
        data = json.dumps(answer).encode() if answer is not None else b""
        handler.send_response(status)
        if mode == "redirect":
            handler.send_header("Location", f"{self.url}/elsewhere")
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)


def refusing_url() -> str:
    """Return the address of a port that nobody listens on."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{bound.getsockname()[1]}"
