"""Choosing the store of an environment."""

from monitor.settings.environment import Environment
from monitor.store.protocol import Store
from monitor.store.sqlite import SqliteStore

EMBEDDED_NAME = "drops.db"


def open_store(environment: Environment, part: str = "") -> Store:
    """Return the environment's store: PostgreSQL if it has an address, else the embedded one.

    `part` names the part of the program that asks, for the server's list of connections.

    Nothing is connected to yet.
    """
    if environment.database_url is None:
        return SqliteStore(environment.home / EMBEDDED_NAME)
    from monitor.store.postgresql import PostgresStore  # noqa: PLC0415 -- its driver takes 9 MB

    return PostgresStore(environment.database_url, f"wa-monitor{part} {environment.instance}")
