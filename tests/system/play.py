"""Runs of the real ansible-playbook, as an operator would start them."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.system.machine import Machine

REPO = Path(__file__).resolve().parents[2]
GROUP = "wa_monitor"
_RECAP = re.compile(r"^(\S+)\s+:\s+(ok=\d+.*)$", re.MULTILINE)

Variables = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended: its exit code, all it printed, seconds, and the recap's counts per host."""

    code: int
    output: str
    seconds: float
    recap: Mapping[str, Mapping[str, int]]

    @property
    def changed(self) -> int:
        """Tasks that changed something, on all hosts together."""
        return sum(counts["changed"] for counts in self.recap.values())

    def must_succeed(self) -> "Outcome":
        """Return itself, or raise AssertionError with the output."""
        assert self.code == 0, f"the play failed ({self.code}):\n{self.output}"
        return self

    def must_fail(self) -> "Outcome":
        """Return itself, or raise AssertionError with the output of a play that should fail."""
        assert self.code != 0, f"the play should have failed:\n{self.output}"
        return self

    def failure(self) -> str:
        """Return what the failed tasks told the operator, with line breaks made spaces."""
        told = re.split(r"^(?:TASK|PLAY|RUNNING HANDLER) ", self.output, flags=re.MULTILINE)
        failed = [part for part in told if re.search(r"^(fatal:|\[ERROR\])", part, re.MULTILINE)]
        return " ".join(" ".join(failed).split())


class Play:
    """A run that goes on in the background; `wait` for its outcome."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self._log = log
        self._started = time.monotonic()
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                cwd=REPO,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        """What it has printed so far."""
        return self._log.read_text(errors="replace")

    @property
    def running(self) -> bool:
        """True while ansible-playbook runs."""
        return self._process.poll() is None

    def wait_until(self, holds: Callable[[], bool], timeout: float = 120) -> None:
        """Return when something holds. Raises AssertionError if the play ends before it does."""
        deadline = time.monotonic() + timeout
        while not holds():
            assert self.running, f"ended too early:\n{self.output}"
            assert time.monotonic() < deadline, f"not within {timeout} s:\n{self.output}"
            time.sleep(0.02)

    def wait_for_task(self, pattern: str) -> None:
        """Return when a task whose name matches has begun."""
        wanted = re.compile(rf"^(?:TASK|RUNNING HANDLER) \[.*{pattern}", re.MULTILINE)
        self.wait_until(lambda: bool(wanted.search(self.output)))

    def wait(self, timeout: float = 280) -> Outcome:
        """Return the outcome. Raises AssertionError when it takes longer than `timeout` seconds."""
        try:
            code = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"still running after {timeout} s:\n{self.output}") from None
        seconds = time.monotonic() - self._started
        return Outcome(code, self.output, seconds, _recap(self.output))

    def kill(self) -> None:
        """End ansible-playbook and all it started, at once."""
        if self.running:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


class Controller:
    """Where the operator sits: a folder for inventories and logs, and this venv's Ansible."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._runs = 0
        self.plays: list[Play] = []

    def start(
        self,
        playbook: str,
        hosts: Mapping[Machine, Variables],
        *arguments: str,
        variables: Variables | None = None,
    ) -> Play:
        """Start playbooks/`playbook` on these machines, each with the variables of its host."""
        self._runs += 1
        run = self.folder / f"{self._runs:03}-{Path(playbook).stem}"
        inventory = run.with_suffix(".inventory.json")
        write_inventory(inventory, hosts)
        path = Path(playbook) if playbook.startswith("/") else REPO / "playbooks" / playbook
        command = [
            str(Path(sys.executable).parent / "ansible-playbook"),
            str(path),
            "-i",
            str(inventory),
        ]
        if variables:
            command += ["-e", json.dumps(variables)]
        play = Play([*command, *arguments], self._environment(), run.with_suffix(".log"))
        self.plays.append(play)
        return play

    def run(
        self,
        playbook: str,
        hosts: Mapping[Machine, Variables],
        *arguments: str,
        variables: Variables | None = None,
    ) -> Outcome:
        """Run a playbook to its end."""
        return self.start(playbook, hosts, *arguments, variables=variables).wait()

    def close(self) -> None:
        """End what still runs."""
        for play in self.plays:
            play.kill()

    def _environment(self) -> dict[str, str]:
        venv = str(Path(sys.executable).parent)
        return {
            **os.environ,
            "PATH": f"{venv}:{os.environ['PATH']}",
            "ANSIBLE_CONFIG": str(REPO / "ansible.cfg"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_FORCE_COLOR": "0",
            # ssh sockets have short paths by necessity; one folder a run, removed with it.
            "ANSIBLE_HOME": str(self.folder / "ansible"),
            "ANSIBLE_LOCAL_TEMP": str(self.folder / "tmp"),
            # Otherwise a task is announced only once it has a result.
            "ANSIBLE_DISPLAY_SKIPPED_HOSTS": "1",
        }


def write_inventory(path: Path, hosts: Mapping[Machine, Variables]) -> None:
    """Write the inventory of a site with these hosts."""
    entries = {
        machine.name: {**machine.host_vars(), **variables} for machine, variables in hosts.items()
    }
    path.write_text(json.dumps({GROUP: {"hosts": entries}}, indent=2))


def _recap(output: str) -> dict[str, dict[str, int]]:
    _, _, recap = output.rpartition("PLAY RECAP")
    return {
        host: {key: int(value) for key, value in (word.split("=") for word in counts.split())}
        for host, counts in _RECAP.findall(recap)
    }
