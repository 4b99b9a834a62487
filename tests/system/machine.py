"""A booted Debian: systemd, sshd, cron, PostgreSQL and the journal, in a namespace of the lab.

Its disk is an overlay over the base image, in memory, and outlives a power loss (`kill`, `boot`).
By hand, for someone who writes a role:  python -m tests.system --name x
"""

import contextlib
import os
import pwd
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.system import cgroup
from tests.system.lab import Lab

ROOTS_HOME = pwd.getpwnam("root").pw_dir  # on every Debian the same
FOLDER_PREFIX = "wa-monitor-machines-"
_RESTART_ASKED = 133  # how systemd-nspawn --keep-unit says that the machine wants to reboot
_READY_SECONDS = 40


class Machine:
    """One test machine, under a name that no other in the run has.

    `layers` are the read-only folders below its disk, the topmost first; `folder` is the run's
    scratch folder, `key` the path of an ssh key, `disk` the size of a file system, as for mount.
    """

    def __init__(
        self,
        lab: Lab,
        layers: Sequence[Path],
        folder: Path,
        key: Path,
        name: str,
        *,
        hostname: str = "",
        disk: str = "3g",
    ) -> None:
        self.name = name
        self.hostname = hostname or name
        self.lab = lab
        self.key = key
        self.folder = folder / name
        self.root = self.folder / "root"
        self.layer = self.folder / "disk/upper"
        self._layers = layers
        self._process: subprocess.Popen[bytes] | None = None
        self.socket = lab.plug_in()
        self.address = self.socket.address
        self._make_disk(disk)

    def boot(self) -> None:
        """Switch on and return when sshd answers and systemd is up."""
        if self.running:
            message = f"{self.name} is running already"
            raise RuntimeError(message)
        with (self.folder / "console.log").open("ab") as console:
            # Own process group: a Ctrl-C meant for pytest must not power the machine off; the
            # death signal ends it when pytest itself is killed.
            command = [*cgroup.entering(self.socket.namespace), *self._nspawn()]
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
            )
        self._wait_until_ready()

    @property
    def running(self) -> bool:
        """True while the machine is switched on."""
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """Pull the plug. The disk stays as it is; `boot` switches on again."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._wait_until_gone()
            self._hang_up()

    def shut_down(self) -> None:
        """Switch off in good order. What is on its disk can be the layer of another machine."""
        assert self._process is not None
        self.ssh("systemctl poweroff", check=False)
        self._process.wait(timeout=60)
        self._wait_until_gone()
        self._hang_up()

    def reboot(self) -> None:
        """Reboot in good order and return when sshd answers again."""
        assert self._process is not None
        self.ssh("systemctl reboot", check=False)
        status = self._process.wait(timeout=60)
        if status != _RESTART_ASKED:
            message = f"{self.name} ended with {status} instead of rebooting"
            raise RuntimeError(message)
        self._wait_until_gone()
        self._hang_up()
        self.boot()

    def destroy(self) -> None:
        """Pull the plug and throw the disk away."""
        self.kill()
        subprocess.run(["umount", str(self.root)], check=False, capture_output=True)
        subprocess.run(["umount", str(self.folder / "disk")], check=False, capture_output=True)
        cgroup.remove(self.socket.namespace)
        self.lab.unplug(self.socket)

    def ssh_options(self) -> list[str]:
        """Return the options with which ssh reaches the machine, to be followed by its name."""
        return [
            "-F",
            "/dev/null",
            "-o",
            "User=root",
            "-o",
            f"IdentityFile={self.key}",
            "-o",
            "IdentitiesOnly=yes",
            "-o",
            f"HostName={self.address}",
            "-o",
            "StrictHostKeyChecking=no",
            "-o",
            "UserKnownHostsFile=/dev/null",
            "-o",
            "LogLevel=ERROR",
            "-o",
            "ProxyUseFdpass=yes",
            "-o",
            f"ProxyCommand={self.lab.proxy_command()}",
        ]

    def ssh(
        self, command: str, *, check: bool = True, stdin: str = "", timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """Run a shell command as root. Raises AssertionError with its output when it fails."""
        result = subprocess.run(
            ["ssh", *self._kept_connection(), *self.ssh_options(), self.name, command],
            check=False,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        if check and result.returncode:
            message = f"on {self.name}: {command}\n{result.stdout}{result.stderr}"
            raise AssertionError(message)
        return result

    def says(self, command: str) -> str:
        """Return what a command prints, stripped. Raises AssertionError when it fails."""
        return self.ssh(command).stdout.strip()

    def _kept_connection(self) -> list[str]:
        path = self.folder / "ssh"
        keep = (
            "ConnectTimeout=5",
            "ControlMaster=auto",
            "ControlPersist=60",
            f"ControlPath={path}",
        )
        return [word for option in keep for word in ("-o", option)]

    def path(self, inside: str) -> Path:
        """Return where a file of the disk lies out here; /run and /tmp are not on the disk."""
        return self.root / inside.lstrip("/")

    def write(self, inside: str, text: str | bytes, mode: int = 0o644) -> None:
        """Write a file of root's, with its folders."""
        path = self.path(inside)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        path.chmod(mode)

    def host_vars(self) -> Mapping[str, str]:
        """Return what Ansible needs to know to reach the machine."""
        return {
            "ansible_host": self.address,
            "ansible_user": "root",
            "ansible_ssh_private_key_file": str(self.key),
            "ansible_ssh_common_args": shlex.join(self.ssh_options()),
            # By default two machines that had the same address would share a connection.
            "ansible_control_path": str(self.folder / "mux"),
            "ansible_python_interpreter": "/usr/bin/python3",
        }

    def _make_disk(self, size: str) -> None:
        disk = self.folder / "disk"
        for folder in (self.root, disk):
            folder.mkdir(parents=True)
        _run("mount", "-t", "tmpfs", "-o", f"size={size},mode=755", self.name, str(disk))
        self.layer.mkdir()
        (disk / "work").mkdir()
        lower = ":".join(map(str, self._layers))
        layers = f"lowerdir={lower},upperdir={self.layer},workdir={disk / 'work'}"
        _run("mount", "-t", "overlay", "-o", layers, self.name, str(self.root))
        public = self.key.with_suffix(".pub").read_text()
        self.write(f"{ROOTS_HOME}/.ssh/authorized_keys", public, 0o600)
        self.write("/etc/hostname", f"{self.hostname}\n")
        # A machine without an id of its own would go through a first boot, which takes seconds.
        self.write("/etc/machine-id", f"{os.urandom(16).hex()}\n")

    def _nspawn(self) -> list[str]:
        return [
            # All in one process namespace, whose end is the end of everything in the machine.
            "setpriv",
            "--pdeathsig",
            "KILL",
            "unshare",
            "--pid",
            "--fork",
            "--kill-child=KILL",
            "--mount-proc",
            "systemd-nspawn",
            "-q",
            f"--directory={self.root}",
            f"--machine={self.name}",
            f"--hostname={self.hostname}",
            f"--network-namespace-path=/run/netns/{self.socket.namespace}",
            "--boot",
            "--register=no",
            "--keep-unit",
            "--console=read-only",
            "--resolv-conf=off",
            "--timezone=off",
            "--link-journal=no",
        ]

    def _hang_up(self) -> None:
        words = ["ssh", "-O", "exit", *self._kept_connection(), *self.ssh_options(), self.name]
        subprocess.run(words, check=False, capture_output=True)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while time.monotonic() < deadline:
            if not self.running:
                break
            answer = self.ssh("systemctl is-system-running --wait", check=False)
            if answer.stdout.strip() in {"running", "degraded"}:
                return
            time.sleep(0.1)
        console = (self.folder / "console.log").read_text(errors="replace")
        message = f"{self.name} did not come up; its console:\n{console[-3000:]}"
        raise RuntimeError(message)

    def _wait_until_gone(self) -> None:
        # The kernel ends a killed machine's processes a moment later; until then they hold its
        # network and disk.
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and self._inhabitants():
            time.sleep(0.02)

    def _inhabitants(self) -> str:
        return subprocess.run(
            ["ip", "netns", "pids", self.socket.namespace],
            check=False,
            capture_output=True,
            text=True,
        ).stdout.strip()


def remove_leftovers() -> None:
    """Unmount and remove the scratch folders of test runs that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDER_PREFIX}*"):
        match = re.fullmatch(rf"{FOLDER_PREFIX}(\d+)-.*", folder.name)
        if match and not Path("/proc", match[1]).exists():
            for mount in [*folder.glob("*/root"), *folder.glob("*/disk")]:
                subprocess.run(["umount", str(mount)], check=False, capture_output=True)
            shutil.rmtree(folder, ignore_errors=True)


def scratch_folder() -> Path:
    """Make the folder of one test run, after clearing away what killed runs left."""
    remove_leftovers()
    return Path(tempfile.mkdtemp(prefix=f"{FOLDER_PREFIX}{os.getpid()}-"))


def make_key(folder: Path) -> Path:
    """Make an ssh key for one test run and return its path."""
    key = folder / "key"
    _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "wa-monitor tests", "-f", str(key))
    return key


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
