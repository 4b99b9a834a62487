"""Choosing the store of an environment."""

from monitor.settings.environment import Environment
from monitor.store.protocol import Store

EMBEDDED_NAME = "drops.db"


def open_store(environment: Environment, part: str = "") -> Store:
    """Return the environment's store: PostgreSQL if it has an address, else the embedded one.

    `part` names the part of the program that asks, for the server's list of connections.

    Nothing is connected to yet. The drivers are imported only when they are used: a service on
    one need not carry the other.
    """
    if environment.database_url is None:
        from monitor.store.sqlite import SqliteStore  # noqa: PLC0415

        return SqliteStore(environment.home / EMBEDDED_NAME)
    from monitor.store.postgresql import PostgresStore  # noqa: PLC0415

    return PostgresStore(environment.database_url, f"wa-monitor{part} {environment.instance}")
