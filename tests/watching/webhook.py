"""A receiver of alerts on loopback, as a chat or a mail gateway would be."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

TOKEN = "s3cr3t-t0k3n-of-the-channel"


class Webhook:
    """Takes what Apprise posts to `url`; while `status` is not 200 it refuses.

    While `gate` is clear, it does not answer at all.
    """

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []
        self.tries = 0
        self.status = 200
        self.gate = threading.Event()
        self.gate.set()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.tries += 1
                receiver.gate.wait(30)
                if receiver.status == 200:
                    receiver.taken.append(json.loads(body))
                self.send_response(receiver.status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"json://127.0.0.1:{self._server.server_port}/{TOKEN}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.gate.set()
        self._server.shutdown()
        self._server.server_close()

    def titles(self) -> list[str]:
        """Return the titles of the alerts taken, in order."""
        return [each["title"] for each in self.taken]
