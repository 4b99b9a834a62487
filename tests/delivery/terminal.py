"""A program in a terminal, as an operator sees it."""

import fcntl
import os
import pty
import struct
import subprocess
import termios
import threading
from collections.abc import Sequence
from typing import Self

from tests.delivery.homes import clean_environment

ROWS, COLUMNS = 40, 150


class Terminal:
    """Runs a command with a terminal of its own; `text` is all that it has written there."""

    def __init__(self, command: Sequence[str]) -> None:
        self.text = ""
        self._screen, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        environment = {**clean_environment(), "TERM": "xterm-256color"}
        environment.pop("COLUMNS")
        self.process = subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment
        )
        os.close(theirs)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.wait()
        os.close(self._screen)

    def wait(self) -> int:
        """Return the exit code, once all that was written has been read."""
        code = self.process.wait(60)
        self._reader.join()
        return code

    def _read(self) -> None:
        while True:
            try:
                read = os.read(self._screen, 65_536)
            except OSError:  # how Linux says that nobody has the other side open
                return
            self.text += read.decode(errors="replace")
