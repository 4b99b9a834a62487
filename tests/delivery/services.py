"""The service as a real process: started, listened to, signalled and always ended."""

import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import IO, Self

from tests.delivery.homes import Home, clean_environment
from tests.delivery.waiting import until

# Run as a user whom file permissions bind. All is imported before, because that user may not
# read the virtual environment; the real user stays, so that the test may send signals.
AS_NOBODY = """
import encodings.utf_8_sig, os, sys
import monitor.cli.config, monitor.cli.run, monitor.cli.state
import monitor.service.audit, monitor.service.replay, monitor.store.postgresql
import monitor.store.sqlite, monitor.settings.yaml_document, dotenv.parser, jsonschema
from monitor.cli import main
if os.geteuid() == 0:
    os.setgroups([])
    os.setegid(65534)
    os.seteuid(65534)
sys.argv[0] = "wa-monitor"
main()
"""


class Service:
    """`python -m monitor run` on a home; `lines` are its log lines so far.

    `largest_file` limits what it can write, in bytes, as a full disk does.
    """

    def __init__(
        self,
        home: Home,
        *,
        as_nobody: bool = False,
        largest_file: int | None = None,
        **environment: str,
    ) -> None:
        command = home.command("run")
        if as_nobody:
            command = [sys.executable, "-c", AS_NOBODY, "--home", str(home.path), "run"]
        if largest_file is not None:
            command = ["prlimit", f"--fsize={largest_file}:", *command]
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=clean_environment(**environment),
        )
        assert self.process.stderr is not None
        self._listener = threading.Thread(target=self._listen, args=(self.process.stderr,))
        self._listener.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self._listener.join()

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    def said(self, pattern: str) -> list[str]:
        """Return the log lines that hold a match of `pattern`."""
        return [line for line in list(self.lines) if re.search(pattern, line)]

    def wait_for(self, pattern: str, seconds: float = 30.0, *, times: int = 1) -> list[str]:
        """Return the log lines that match, once there are `times` of them."""
        try:
            return until(
                lambda: found if len(found := self.said(pattern)) >= times else [],
                f"the log has {pattern!r} {times} times",
                seconds,
            )
        except AssertionError as error:
            raise AssertionError(f"{error}; it has:\n" + "\n".join(self.lines)) from None

    def wait_until(self, look: Callable[[], object], what: str, seconds: float = 30.0) -> None:
        """Wait until `look` is true; fail with the log if it does not become so."""
        try:
            until(look, what, seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}; the log:\n" + "\n".join(self.lines)) from None
        assert self.running, "the service ended:\n" + "\n".join(self.lines)

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def stop(self, seconds: float = 20.0) -> tuple[int, float]:
        """SIGTERM it; return its exit code and how many seconds it took to end."""
        before = time.monotonic()
        self.send(signal.SIGTERM)
        code = self.process.wait(seconds)
        took = time.monotonic() - before
        self._listener.join()
        return code, took

    def _listen(self, pipe: IO[str]) -> None:
        with pipe:
            self.lines.extend(line.rstrip("\n") for line in pipe)
