"""Each fault of a database in docs/troubleshooting.md is made to happen, told, and cured."""

import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from functools import partial
from pathlib import Path

import psycopg2
import pytest

from monitor.demo.bridge_writer import BridgeWriter
from monitor.demo.groups import LAWLEY
from tests.delivery.commands import say
from tests.delivery.homes import Home
from tests.delivery.services import Service
from tests.delivery.waiting import until
from tests.docs.console import sections_of
from tests.postgres_server import HOST, PostgresServer, free_port

DOCUMENT = Path(__file__).parents[2] / "docs" / "troubleshooting.md"
SECTION = sections_of(DOCUMENT)["The database refuses connections, or TLS"]
ROLE = "qa"
PASSWORD = "not-a-secret"
# Where the server lets in those alone who come with TLS.
TLS_ALONE = f"local all all trust\nhostssl all all {HOST}/32 scram-sha-256\n"


class Office:
    """A PostgreSQL of few connections, with the role of the monitor, and certificates for it."""

    def __init__(self, server: PostgresServer, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self.data = server.socket_folder / "data"
        self.hba = (self.data / "pg_hba.conf").read_text()
        self.run(
            f"CREATE ROLE {ROLE} LOGIN PASSWORD '{PASSWORD}'",
            f"CREATE DATABASE {ROLE} OWNER {ROLE}",
        )
        for name, san in (
            ("right", f"IP:{HOST}"),
            ("other", f"IP:{HOST}"),
            ("named", "DNS:db.lan"),
        ):
            self._certify(name, san)

    def url(self, options: str = "", port: int = 0) -> str:
        """Return the URL of the monitor's database."""
        query = f"?{options}" if options else ""
        return f"postgresql://{ROLE}:{PASSWORD}@{HOST}:{port or self.server.port}/{ROLE}{query}"

    def run(self, *statements: str) -> None:
        """Run statements as the administrator, who comes through the socket."""
        address = f"host={self.server.socket_folder} port={self.server.port} user=monitor"
        with closing(
            psycopg2.connect(f"{address} dbname=postgres password={self.server.password}")
        ) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)

    def certificate(self, name: str) -> Path:
        """Return the path of a certificate, which is its own authority."""
        return self.folder / f"{name}.crt"

    def use_tls(self, name: str = "right", *, alone: bool = False) -> None:
        """Switch TLS on, with this certificate."""
        for kind in ("crt", "key"):
            self._place(f"server.{kind}", (self.folder / f"{name}.{kind}").read_bytes())
        self._place("pg_hba.conf", (TLS_ALONE if alone else self.hba).encode())
        self._reload("on")

    def be_as_before(self) -> None:
        """Switch TLS off, let everybody in and lift all limits."""
        self._place("pg_hba.conf", self.hba.encode())
        self._reload("off")
        self.run(f"ALTER ROLE {ROLE} CONNECTION LIMIT -1")

    def _reload(self, tls: str) -> None:
        self.run(f"ALTER SYSTEM SET ssl = {tls}", "SELECT pg_reload_conf()")
        wanted = tls == "on"

        def is_so() -> bool:
            with suppress(psycopg2.OperationalError):
                psycopg2.connect(self.url("sslmode=require")).close()
                return wanted
            return not wanted

        until(is_so, f"the server's TLS is {tls}", 10)

    def _place(self, name: str, content: bytes) -> None:
        path, owner = self.data / name, self.data.stat()
        path.write_bytes(content)
        path.chmod(0o600)
        os.chown(path, owner.st_uid, owner.st_gid)

    def _certify(self, name: str, san: str) -> None:
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
                *("-subj", f"/CN={name}", "-addext", f"subjectAltName={san}"),
                *("-keyout", str(self.folder / f"{name}.key")),
                *("-out", str(self.certificate(name))),
            ],
            check=True,
            capture_output=True,
        )


@pytest.fixture(scope="module")
def server_of_few(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """Start the server."""
    with PostgresServer(settings={"max_connections": "8"}) as server:
        yield Office(server, tmp_path_factory.mktemp("office"))


@pytest.fixture
def office(server_of_few: Office) -> Iterator[Office]:
    """Give the test the server, and put it right afterwards."""
    yield server_of_few
    server_of_few.be_as_before()


@pytest.fixture
def bridge(tmp_path: Path) -> Iterator[BridgeWriter]:
    with BridgeWriter(tmp_path / "bridge/messages.db", fsync=False) as writer:
        yield writer


# How a fault is made: the URL that meets it, and the one that is its cure.
Urls = tuple[str, str]


def role_limit(office: Office, _: ExitStack) -> Urls:
    office.run(f"ALTER ROLE {ROLE} CONNECTION LIMIT 0")
    return office.url(), office.url()


def none_left(office: Office, stack: ExitStack) -> Urls:
    refused = 0
    while refused < 5:
        try:
            stack.enter_context(closing(psycopg2.connect(office.url())))
        except psycopg2.OperationalError:
            # Some of those who have just left may still hold a place.
            refused += 1
            time.sleep(0.05)
    return office.url(), office.url()


def not_there(office: Office, _: ExitStack) -> Urls:
    return office.url(port=free_port()), office.url()


def tls_wanted(office: Office, _: ExitStack) -> Urls:
    office.use_tls(alone=True)
    return office.url("sslmode=disable"), office.url("sslmode=require")


def tls_lacking(office: Office, _: ExitStack) -> Urls:
    return office.url("sslmode=require"), office.url("sslmode=prefer")


def verified_by(office: Office, name: str) -> str:
    return office.url(f"sslmode=verify-full&sslrootcert={office.certificate(name)}")


def wrong_authority(office: Office, _: ExitStack) -> Urls:
    office.use_tls()
    return verified_by(office, "other"), verified_by(office, "right")


def wrong_name(office: Office, _: ExitStack) -> Urls:
    office.use_tls("named")
    right = verified_by(office, "named").replace(f"@{HOST}:", "@db.lan:") + f"&hostaddr={HOST}"
    return verified_by(office, "named"), right


def no_authority(office: Office, _: ExitStack) -> Urls:
    office.use_tls()
    wrong = f"sslmode=verify-full&sslrootcert={office.folder}/none.crt"
    return office.url(wrong), verified_by(office, "right")


FAULTS: dict[str, Callable[[Office, ExitStack], Urls]] = {
    "too many connections for role": role_limit,
    "remaining connection slots are reserved": none_left,
    "Connection refused": not_there,
    "no encryption": tls_wanted,
    "server does not support SSL, but SSL was required": tls_lacking,
    "certificate verify failed": wrong_authority,
    "does not match host name": wrong_name,
    "root certificate file": no_authority,
}


@pytest.mark.parametrize("says", FAULTS)
def test_it_is_told_as_written_and_cured(
    office: Office, bridge: BridgeWriter, tmp_path: Path, says: str
) -> None:
    with ExitStack() as stack:
        wrong, right = FAULTS[says](office, stack)
        ill = Home(tmp_path / "ill", bridge.path, wrong)
        for words in (("db", "check"), ("status",)):
            said = say(ill, *words)
            assert said.code == 1
            assert says in said.out + said.err
            assert PASSWORD not in said.out + said.err
    if wrong == right:
        office.be_as_before()
    checked = say(Home(tmp_path / "well", bridge.path, right), "db", "check")
    assert checked.code == 0, checked.err
    assert "fit" in checked.out


def test_a_running_monitor_waits_says_why_and_catches_up(
    office: Office, bridge: BridgeWriter, tmp_path: Path
) -> None:
    home = Home(tmp_path / "home", bridge.path, office.url("sslmode=require"))
    office.use_tls()
    bridge.post(LAWLEY, "DR1752028")
    with Service(home) as service:
        service.wait_until(lambda: home.store.holds("DR1752028"), "the first drop")
        faults: dict[str, tuple[Callable[[], None], Callable[[], None]]] = {
            "too many connections for role": (
                lambda: office.run(f"ALTER ROLE {ROLE} CONNECTION LIMIT 0"),
                lambda: office.run(f"ALTER ROLE {ROLE} CONNECTION LIMIT 10"),
            ),
            "does not support SSL": (office.be_as_before, office.use_tls),
        }
        for number, (says, (break_it, mend)) in enumerate(faults.items()):
            break_it()
            office.run(
                f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{ROLE}'"
            )
            drop = f"DR{1_752_034 + number}"
            bridge.post(LAWLEY, drop)
            assert PASSWORD not in "".join(service.wait_for(says))
            assert says in say(home, "status").out
            mend()
            service.wait_until(partial(home.store.holds, drop), "the next drop")


def test_every_fault_in_the_document_is_tried() -> None:
    told = re.findall(r"^\| `([^`]+)`", SECTION, re.MULTILINE)
    assert told == list(FAULTS)
