"""Whether a service is healthy, and runs the release that it should: asked of itself."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import time
from pathlib import Path
from typing import Any

PAUSE = 0.25
OLD_SETTLES = 5.0


def is_active(unit: str) -> bool:
    """Tell whether systemd calls the unit active."""
    return not subprocess.run(["systemctl", "is-active", "--quiet", unit], check=False).returncode


def ask(home: Path) -> dict[str, Any]:
    """Return what the monitor says of itself; a report with an error if it says nothing."""
    command = [str(home / "current" / "venv" / "bin" / "wa-monitor"), "status", "--json"]
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=20, cwd="/"
        )
        answer: dict[str, Any] = json.loads(done.stdout)
    except (OSError, subprocess.TimeoutExpired) as error:
        return {"error": f"the monitor's status cannot be asked: {error}"}
    except ValueError:
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        return {"error": f"the monitor gives no status: {last}"}
    return answer


def port_of(home: Path) -> int:
    """Return the HTTP_PORT that the environment's .env sets, 0 for none."""
    try:
        lines = (home / ".env").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    found = [re.fullmatch(r"HTTP_PORT=['\"]?(\d+)['\"]?", line.strip()) for line in lines]
    return int(next((match[1] for match in reversed(found) if match), "0"))


def readyz(port: int) -> str:
    """Say what /readyz has against the service; empty if nothing."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=15)
    try:
        connection.request("GET", "/readyz")
        reply = connection.getresponse()
        said = " ".join(reply.read(2000).decode(errors="replace").split())
    except (OSError, http.client.HTTPException) as error:
        return f"nobody answers on 127.0.0.1:{port} (HTTP_PORT): {error}"
    finally:
        connection.close()
    return "" if reply.status == 200 else f"/readyz: {said}"


def fault_of(answer: dict[str, Any], release: str) -> str:
    """Say what keeps a service from being healthy; empty if nothing does."""
    if "error" in answer:
        return str(answer["error"])
    service = answer.get("service") or {}
    if not service.get("running"):
        return f"the service does not run: {service.get('error') or 'no heartbeat'}"
    if service.get("release") != release:
        return f"release {service.get('release')} runs instead of {release}"
    for part in ("bridge", "store", "state"):
        about = answer.get(part) or {}
        if not about.get("ok"):
            return f"{part}: {about.get('error') or 'not ok'}"
    return "" if answer.get("ready") else "it is not ready yet"


def wait(home: Path, unit: str, release: str, timeout: float) -> tuple[str, dict[str, Any]]:
    """Ask until all is well or the time is up; return the last fault and the last answer."""
    end = time.monotonic() + timeout
    if not (home / "releases" / release / "venv").exists():
        return _old_system(unit), {}
    port = port_of(home)
    while True:
        answer = ask(home) if is_active(unit) else {"error": f"{unit} is not active"}
        fault = fault_of(answer, release)
        # A release of before there was HTTP may be gone back to.
        if not fault and "alerts" in answer and port:
            fault = readyz(port)
        if not fault or time.monotonic() > end:
            return fault, answer
        time.sleep(PAUSE)


def _old_system(unit: str) -> str:
    """Say whether the old system stays up for a while; it tells nothing of itself."""
    end = time.monotonic() + OLD_SETTLES
    while time.monotonic() < end:
        if not is_active(unit):
            return f"{unit} is not active"
        time.sleep(PAUSE)
    return ""
