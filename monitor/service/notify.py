"""Telling systemd how the service is doing, as sd_notify(3) describes it."""

import os
import socket


class Notifier:
    """Sends states to the socket systemd named; says nothing where there is none.

    `environment` is the process's: NOTIFY_SOCKET and WATCHDOG_USEC are read from it.
    """

    def __init__(self, environment: "os._Environ[str] | dict[str, str]") -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        if self._address.startswith("@"):
            self._address = "\0" + self._address[1:]
        watchdog = environment.get("WATCHDOG_USEC", "")
        mine = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self.watchdog_seconds = int(watchdog) / 1e6 if watchdog.isdigit() and mine else None
        """How often systemd wants to hear from the loop at the latest, None if it does not."""

    def send(self, *states: str) -> None:
        """Send states such as `READY=1`; a systemd that does not listen is no fault here."""
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            try:
                sender.connect(self._address)
                sender.sendall("\n".join(states).encode())
            except OSError:
                return
