"""A real PostgreSQL server of the test's own: started, stopped and broken at will."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import closing
from pathlib import Path

import psycopg2
from psycopg2 import sql

HOST = "127.0.0.1"
USER = "monitor"
DEBIAN_PROGRAMS = Path("/usr/lib/postgresql")
START_SECONDS = 60.0
STOP_SECONDS = 30.0
# Its standard input ends with the caller, however that one ends: no server outlives a test run
# that was killed.
GUARD = 'read -r _; kill -QUIT "$1"; while kill -0 "$1" 2>&-; do sleep 0.1; done; rm -rf "$2"'


class PostgresServer:
    """A server in a temporary folder, on a free port of 127.0.0.1 and a socket in that folder.

    Its processes run as `postgres` or `nobody` when the caller is root, whom PostgreSQL refuses.
    `fsync` is for measurements; tests that kill only processes lose nothing without it. Raises
    FileNotFoundError if no PostgreSQL is installed, RuntimeError if the server does not start.
    """

    def __init__(self, *, fsync: bool = False, settings: dict[str, str] | None = None) -> None:
        self._programs = find_programs()
        self._user: int | None
        self._group: int | None
        self._user, self._group = server_account()
        self._folder = Path(tempfile.mkdtemp(prefix="wa-postgres-"))
        self._settings = {
            "listen_addresses": HOST,
            "unix_socket_directories": str(self._folder),
            "fsync": "on" if fsync else "off",
            "synchronous_commit": "on" if fsync else "off",
            "max_connections": "60",
            **(settings or {}),
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        # Only letters and digits, so that a URL holds it as it is.
        self.password = secrets.token_hex(12)

    def __enter__(self) -> PostgresServer:
        try:
            self._initialise()
            self.start()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._remove()

    @property
    def socket_folder(self) -> Path:
        """The folder that holds the server's unix socket."""
        return self._folder

    @property
    def running(self) -> bool:
        """Whether the server's main process is alive."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The main process's id; RuntimeError if the server is stopped."""
        if self._process is None:
            raise RuntimeError("the PostgreSQL server is stopped")
        return self._process.pid

    def url(self, database: str = "postgres") -> str:
        """Return the URL of a database, with the superuser's password."""
        return f"postgresql://{USER}:{self.password}@{HOST}:{self.port}/{database}"

    def start(self) -> None:
        """Start the server and wait until it answers; nothing if it runs."""
        if self.running:
            return
        options = [part for pair in self._settings.items() for part in ("-c", "=".join(pair))]
        data = str(self._folder / "data")
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._programs / "postgres"), "-D", data, "-p", str(self.port), *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                # Ctrl-C is for the test run, which then stops the server itself.
                start_new_session=True,
                user=self._user,
                group=self._group,
                extra_groups=None if self._user is None else [],
            )
        self._guard = subprocess.Popen(
            ["sh", "-c", GUARD, "sh", str(self._process.pid), str(self._folder)],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        self._wait_until_ready(self._process)

    def stop(self, *, immediate: bool = True) -> None:
        """Stop the server: at once, as a crash does, or after rolling back what is open."""
        if self._process is None:
            return
        self._dismiss_guard()
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT if immediate else signal.SIGINT)
            self._process.wait(STOP_SECONDS)
        self._process = None

    def restart(self) -> None:
        """Stop the server at once and start it again on the same port."""
        self.stop()
        self.start()

    def create_database(self, name: str, *, template: str = "template1") -> str:
        """Create a database, as a copy of `template`, and return its URL."""
        self._administer(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drop a database, ending its connections; nothing if there is none of that name."""
        self._administer(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        )

    def _administer(self, statement: sql.Composed) -> None:
        with closing(psycopg2.connect(self.url())) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)

    def _initialise(self) -> None:
        password_file = self._folder / "password"
        password_file.write_text(self.password)
        if self._user is not None and self._group is not None:
            for path in (self._folder, password_file):
                os.chown(path, self._user, self._group)
        done = subprocess.run(
            [
                *(str(self._programs / "initdb"), "--no-sync", "--encoding=UTF8"),
                *("--locale=C.UTF-8", "--auth=scram-sha-256", f"--username={USER}"),
                *(f"--pwfile={password_file}", str(self._folder / "data")),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            cwd=self._folder,
            user=self._user,
            group=self._group,
            extra_groups=None if self._user is None else [],
        )
        password_file.unlink()
        if done.returncode:
            raise RuntimeError(f"initdb failed with code {done.returncode}:\n{done.stdout}")

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            try:
                psycopg2.connect(self.url(), connect_timeout=5).close()
            except psycopg2.OperationalError:
                time.sleep(0.02)
            else:
                return
        log = (self._folder / "server.log").read_text(errors="replace")
        self.stop()
        raise RuntimeError(
            f"PostgreSQL on port {self.port} did not start; its log ends:\n{log[-2000:]}"
        )

    def _dismiss_guard(self) -> None:
        if self._guard is not None:
            self._guard.kill()
            self._guard.communicate()
            self._guard = None

    def _remove(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


def find_programs() -> Path:
    """Return the folder with the newest installed `postgres` and `initdb`."""
    folders = sorted(
        DEBIAN_PROGRAMS.glob("*/bin"), key=lambda path: float(path.parent.name), reverse=True
    )
    if on_path := shutil.which("postgres"):
        folders.append(Path(on_path).resolve().parent)
    for folder in folders:
        if (folder / "postgres").exists() and (folder / "initdb").exists():
            return folder
    raise FileNotFoundError(
        f"no PostgreSQL server is installed (looked in {DEBIAN_PROGRAMS}/*/bin and PATH);"
        " on Debian: apt-get install postgresql"
    )


def server_account() -> tuple[int, int] | tuple[None, None]:
    """Return the user and group that the server runs as, or None twice for the caller's own."""
    if os.geteuid() != 0:
        return None, None
    for name in ("postgres", "nobody"):
        try:
            account = pwd.getpwnam(name)
        except KeyError:
            continue
        return account.pw_uid, account.pw_gid
    raise RuntimeError("PostgreSQL does not run as root, and there is no user postgres or nobody")


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
