"""A sender service for a test machine: takes what it is asked to send and writes it down.

Standard library only, so that this one file can be copied to another machine and run there:

    python3 sender_service.py PORT FILE

appends the JSON of every POST to FILE, one a line, synced before it answers.
"""

import os
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path


class Handler(BaseHTTPRequestHandler):
    """Writes down each message before it says that it was sent."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with Path(sys.argv[2]).open("ab") as file:
            file.write(body + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"success": true}')


if __name__ == "__main__":
    HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
