"""A real headless Chromium, told what to do over its DevTools pipe."""

import base64
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Self

from tests.delivery.waiting import until

# Debian's; nothing of it may call home from a test.
COMMAND = (
    *("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"),
    *("--no-first-run", "--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars"),
    "--remote-debugging-pipe",
)

PHONE = (360, 740)
DESK = (1280, 900)


class Browser:
    """One browser with one page; `messages` are the events that it has sent."""

    def __init__(self) -> None:
        self._profile = tempfile.mkdtemp(prefix="wa-monitor-chromium-")
        theirs_in, self._out = os.pipe()
        self._in, theirs_out = os.pipe()
        # The browser reads commands from descriptor 3 and answers on 4.
        self._process = subprocess.Popen(
            [
                "bash", "-c", 'exec "$@" 3<&"$IN" 4>&"$OUT"', "sh", *COMMAND,
                f"--user-data-dir={self._profile}", "about:blank",
            ],
            pass_fds=(theirs_in, theirs_out),
            env={**os.environ, "IN": str(theirs_in), "OUT": str(theirs_out)},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(theirs_in)
        os.close(theirs_out)
        self._number = 0
        self._rest = b""
        self.events: list[dict[str, Any]] = []
        target = until(self._page, "the browser has a page", 30)
        self._session: str | None = None
        attached = self.tell("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "Accessibility"):
            self.tell(f"{domain}.enable")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._in)
        os.close(self._out)
        shutil.rmtree(self._profile, ignore_errors=True)

    def tell(self, method: str, **parameters: object) -> dict[str, Any]:
        """Give a command and return its result; AssertionError if it fails."""
        self._number += 1
        command: dict[str, object] = {
            "id": self._number, "method": method, "params": parameters,
        }  # fmt: skip
        if getattr(self, "_session", None):
            command["sessionId"] = self._session
        os.write(self._out, json.dumps(command).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result
            self.events.append(answer)

    def look_like(self, size: tuple[int, int], scheme: str) -> None:
        """Be of a size, in a colour scheme."""
        width, height = size
        self.tell(
            "Emulation.setDeviceMetricsOverride", width=width, height=height,
            deviceScaleFactor=1, mobile=size == PHONE,
        )  # fmt: skip
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.tell("Emulation.setEmulatedMedia", features=features)

    def open(self, url: str) -> None:
        """Load a page to its end."""
        self.events.clear()
        self.tell("Page.navigate", url=url)
        until(
            lambda: (
                self.tell("Runtime.evaluate", expression="1") and self.sent("Page.loadEventFired")
            ),
            f"{url} is loaded",
            30,
        )

    def ask(self, expression: str) -> Any:
        """Return the value of JavaScript in the page, also where the page itself may run none."""
        found = self.tell(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def sent(self, method: str) -> list[dict[str, Any]]:
        """Return the events of a kind so far."""
        return [each["params"] for each in self.events if each.get("method") == method]

    def shoot(self, file: Path) -> None:
        """Keep a picture of the whole page."""
        found = self.tell("Page.captureScreenshot", captureBeyondViewport=True)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(base64.b64decode(found["data"]))

    def _page(self) -> str:
        targets = self.tell("Target.getTargets")["targetInfos"]
        return next((each["targetId"] for each in targets if each["type"] == "page"), "")

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            read = os.read(self._in, 1 << 20)
            assert read, "the browser has ended"
            self._rest += read
        message, _, self._rest = self._rest.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        return found
