"""What would end badly is refused in one sentence, before anything is changed."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests import qa_table
from tests.system import database, site
from tests.system.machine import Machine
from tests.system.play import Controller

STATE = f"{site.ROOT}/prod/state.json"


@contextmanager
def refused(
    host: Machine, controller: Controller, variables: dict[str, Any], *told: str
) -> Iterator[None]:
    """Deploy inside a broken world, mend it in the `with` block, and see that nothing happened."""
    before = site.fingerprint(host), site.pids(host)
    outcome = controller.run("deploy.yml", {host: variables})
    after = site.fingerprint(host), site.pids(host)
    yield
    outcome.must_fail()
    for words in told:
        assert re.search(words, outcome.failure()), f"{words!r} not in: {outcome.failure()}"
    assert outcome.changed == 0, outcome.output
    assert outcome.output.count("fatal:") + outcome.output.count("[ERROR]: Task failed") <= 2
    assert after == before
    site.wait_until_ready(host)


def with_prod(**changes: object) -> dict[str, Any]:
    """Return the site's variables with something else in prod's entry."""
    variables = site.variables()
    variables["wa_monitor_environments"] = [
        {**entry, **(changes if entry["name"] == "prod" else {})}
        for entry in variables["wa_monitor_environments"]
    ]
    return variables


def with_database(url: str) -> dict[str, Any]:
    """Return the site's variables with another database for prod."""
    variables = site.variables()
    variables["wa_monitor_database_urls"] = {**variables["wa_monitor_database_urls"], "prod": url}
    return variables


def test_bad_config(host: Machine, controller: Controller) -> None:
    projects = [{"name": "Lawley", "group_jid": "not-a-group"}]
    with refused(
        host, controller, with_prod(projects=projects), "prod", "group_jid", "not-a-group"
    ):
        pass


def test_bad_setting(host: Machine, controller: Controller) -> None:
    settings = {"SCAN_INTERVAL": "soon"}
    with refused(host, controller, with_prod(settings=settings), "SCAN_INTERVAL", "soon"):
        pass


def test_bad_state(host: Machine, controller: Controller) -> None:
    good = host.path(STATE).read_bytes()
    # A service that runs mends the file by itself.
    host.ssh("systemctl stop wa-monitor-prod")
    host.path(STATE).write_bytes(b'{"120363418298130331@g.us": 7}')
    with refused(host, controller, site.variables(), STATE, "120363418298130331@g.us"):
        host.path(STATE).write_bytes(good)
        host.ssh("systemctl start wa-monitor-prod")


def test_no_database(host: Machine, controller: Controller) -> None:
    host.ssh("systemctl stop postgresql@15-main")
    with refused(host, controller, site.variables(), "127.0.0.1", r"[Cc]onnect"):
        host.ssh("systemctl start postgresql@15-main")


def test_wrong_password(host: Machine, controller: Controller) -> None:
    url = database.url("prod").replace(database.PASSWORD, "wrong")
    with refused(host, controller, with_database(url), "prod", "password"):
        pass


def test_unfit_table(host: Machine, controller: Controller) -> None:
    database.create(host, "unfit")
    table = qa_table.TABLE.replace("whatsapp_message_date TIMESTAMPTZ,", "")
    database.sql(host, "unfit", table)
    with refused(
        host,
        controller,
        with_database(database.url("unfit")),
        "qa_photo_reviews",
        "whatsapp_message_date",
    ):
        pass


def test_one_store_for_two_environments(host: Machine, controller: Controller) -> None:
    with refused(
        host,
        controller,
        with_database(database.url("dev", "localhost")),
        "prod",
        "dev",
        "wa_monitor_allow_shared_store",
    ):
        pass


def test_full_disk(host: Machine, controller: Controller) -> None:
    host.ssh("fallocate -l $(($(stat -f -c '%a*%S' /opt) - 50000000)) /opt/ballast")
    with refused(host, controller, site.variables(), "[Mm][Bb]|[Mm]i[Bb]", "free"):
        host.ssh("rm /opt/ballast")


def test_wrong_zone(host: Machine, controller: Controller) -> None:
    host.ssh("ln -sf /usr/share/zoneinfo/Africa/Johannesburg /etc/localtime")
    with refused(
        host,
        controller,
        site.variables(),
        "Africa/Johannesburg",
        "timedatectl set-timezone",
        "wa_monitor_restart_schedule",
    ):
        host.ssh("ln -sf /usr/share/zoneinfo/Etc/UTC /etc/localtime")


def test_unreadable_bridge(host: Machine, controller: Controller) -> None:
    host.ssh(f"chmod 0600 {site.BRIDGE}")
    with refused(host, controller, site.variables(), site.BRIDGE, "wa-monitor-"):
        host.ssh(f"chmod 0644 {site.BRIDGE}")


def test_unreachable_bridge_folder(host: Machine, controller: Controller) -> None:
    host.ssh("chmod 0700 /opt/whatsapp-bridge")
    with refused(host, controller, site.variables(), "/opt/whatsapp-bridge", "wa-monitor-"):
        host.ssh("chmod 0755 /opt/whatsapp-bridge")


def test_missing_bridge(host: Machine, controller: Controller) -> None:
    elsewhere = "/opt/elsewhere/messages.db"
    with refused(host, controller, with_prod(bridge_path=elsewhere), elsewhere):
        pass


def test_secret_forgotten(host: Machine, controller: Controller) -> None:
    variables = site.variables()
    del variables["wa_monitor_database_urls"]["prod"]
    with refused(host, controller, variables, "prod", "wa_monitor_database_urls"):
        pass


def test_empty_secret(host: Machine, controller: Controller) -> None:
    with refused(host, controller, with_database(""), "prod", "wa_monitor_database_urls"):
        pass
