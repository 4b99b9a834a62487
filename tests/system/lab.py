"""A private network for test machines, in namespaces that this process makes and removes.

Nothing is added to the network of the machine that runs the tests: a bridge lives in a namespace
of its own, each test machine in another, and ssh enters through a handed-over socket (`enter`).
The lab has no way out, which is also what proves that a target needs no internet.
"""

import contextlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

from tests.system import cgroup

SUBNET = "10.77.0"
_BRIDGE = "br0"
_NAME = re.compile(r"wam(\d+)-")
_ENTER = Path(__file__).with_name("enter.py")


class Lab:
    """The network of one test run."""

    def __init__(self) -> None:
        remove_leftovers()
        self._prefix = f"wam{os.getpid()}"
        self.namespace = f"{self._prefix}-lab"
        self._numbers = iter(range(10, 251))
        _ip("netns", "add", self.namespace)
        self._in_lab("link", "set", "lo", "up")
        self._in_lab("link", "add", _BRIDGE, "type", "bridge")
        self._in_lab("address", "add", f"{SUBNET}.1/24", "dev", _BRIDGE)
        self._in_lab("link", "set", _BRIDGE, "up")

    def plug_in(self) -> "Socket":
        """Give a new machine a namespace with an address that no other ever had in this lab."""
        number = next(self._numbers)
        address = f"{SUBNET}.{number}"
        namespace, cable = f"{self._prefix}-{number}", f"m{number}"
        _ip("netns", "add", namespace)
        self._in_lab(
            "link", "add", cable, "type", "veth", "peer", "name", "host0", "netns", namespace
        )
        self._in_lab("link", "set", cable, "master", _BRIDGE, "up")
        for words in (
            ("link", "set", "lo", "up"),
            ("address", "add", f"{address}/24", "dev", "host0"),
            ("link", "set", "host0", "up"),
        ):
            _ip("-n", namespace, *words)
        return Socket(address, namespace, cable)

    def unplug(self, socket: "Socket") -> None:
        """Take a machine's namespace away; its cable goes with it."""
        _ip("netns", "delete", socket.namespace)

    def set_cable(self, socket: "Socket", *, up: bool) -> None:
        """Cut or mend the cable between a machine and everything else."""
        self._in_lab("link", "set", socket.cable, "up" if up else "down")

    def proxy_command(self) -> str:
        """Return the ProxyCommand with which ssh gets into the lab."""
        return f"ip netns exec {self.namespace} {sys.executable} -I {_ENTER} %h %p"

    def close(self) -> None:
        """Remove the bridge and its namespace."""
        _ip("netns", "delete", self.namespace)

    def _in_lab(self, *words: str) -> None:
        _ip("-n", self.namespace, *words)


class Socket:
    """Where a machine is plugged in."""

    def __init__(self, address: str, namespace: str, cable: str) -> None:
        self.namespace = namespace
        self.cable = cable
        self.address = address


def remove_leftovers() -> None:
    """Remove the namespaces of test runs that were killed before they could do so."""
    found = subprocess.run(["ip", "-json", "netns"], check=True, capture_output=True, text=True)
    for entry in json.loads(found.stdout or "[]"):
        match = _NAME.match(entry["name"])
        if match and not Path("/proc", match[1]).exists():
            # Another run that starts at this moment may be faster.
            with contextlib.suppress(RuntimeError):
                _ip("netns", "delete", entry["name"])
            cgroup.remove(entry["name"])


def _ip(*words: str) -> None:
    try:
        subprocess.run(["ip", *words], check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        message = f"ip {' '.join(words)}: {error.stderr.strip()}"
        raise RuntimeError(message) from error
