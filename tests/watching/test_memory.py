"""The service stays small with everything on, also when it has caught up and audited."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from monitor.demo.bridge_writer import BridgeWriter
from monitor.demo.groups import LAWLEY
from tests.delivery.homes import Home
from tests.delivery.projects import import_drops, write_projects
from tests.delivery.services import Service
from tests.receivers import Receiver
from tests.watching.web import Web
from tests.watching.webhook import Webhook

pytestmark = pytest.mark.service

MOST = 60 << 20
MESSAGES = 30_000
DROPS = 10_000


def resident(service: Service) -> int:
    """Return how many bytes of memory a service holds."""
    lines = Path(f"/proc/{service.process.pid}/status").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith("VmRSS")]
    return int(line.split()[1]) << 10


def test_with_everything_on_it_holds_less_than_60_megabytes(
    make_home: Callable[..., Home], bridge: BridgeWriter, webhook: Webhook, database_url: str
) -> None:
    with Receiver() as sender:
        home = make_home(
            database_url, ALERT_URLS=webhook.url, AUDIT_INTERVAL="10",
            ENABLE_WHATSAPP_MESSAGES="true", WHATSAPP_SENDER_URL=sender.url,
        )  # fmt: skip
        bridge.post(LAWLEY, "good morning")
        with closing(sqlite3.connect(bridge.path)) as file, file:
            file.execute(
                "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?)"
                " INSERT INTO messages (id, chat_jid, sender, content, timestamp, is_from_me)"
                " SELECT printf('3EB0%06d', n), chat_jid, sender, CASE WHEN n % 3 = 0"
                " THEN 'DR' || (1000000 + n) ELSE content END, timestamp, 0 FROM n, messages",
                (MESSAGES,),
            )
        write_projects(home, Lawley={"validate": True, "answers": True})
        import_drops(home, *(f"DR{1_000_000 + number}" for number in range(0, MESSAGES + 1, 3)))
        with Service(home) as service:
            web = Web(home)
            web.wait_until_ready(60)
            service.wait_until(lambda: len(home.store.drops()) == DROPS, "all is in", 60)
            bridge.post(LAWLEY, "DR9999999")
            service.wait_for("Answer sent")
            service.wait_for(f'"Audit made" submissions={DROPS + 1}', 60, times=2)
            for path in ("/", "/metrics", "/api/status.json?days=90"):
                assert web.ask(path).status == 200
            assert resident(service) < MOST
