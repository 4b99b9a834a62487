"""The service stays small with everything on, also when it has caught up and audited."""

from collections.abc import Callable
from pathlib import Path

import pytest

from monitor.demo.bridge_writer import BridgeWriter
from monitor.demo.groups import LAWLEY
from tests.delivery.homes import Home
from tests.delivery.projects import import_drops, write_projects
from tests.delivery.services import Service
from tests.many_messages import write_many
from tests.receivers import Receiver
from tests.watching.web import Web
from tests.watching.webhook import Webhook

pytestmark = pytest.mark.service

MOST = 60_000_000
MESSAGES = 30_000
DROPS = 10_000


def memory(service: Service, field: str) -> int:
    """Return how many bytes a service holds: VmRSS now, VmHWM at its highest."""
    lines = Path(f"/proc/{service.process.pid}/status").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith(f"{field}:")]
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
        write_many(bridge, MESSAGES, every=3)
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
            assert memory(service, "VmRSS") < MOST
            assert memory(service, "VmHWM") < MOST
