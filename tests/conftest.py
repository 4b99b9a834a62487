"""Fixtures that every folder of tests may use."""

from collections.abc import Iterator
from itertools import count

import pytest

from tests.postgres_server import PostgresServer

_numbers = count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Start the server of this process (with pytest-xdist: of this worker); a test may break it."""
    with PostgresServer() as server:
        yield server


@pytest.fixture
def database_url(postgres: PostgresServer) -> Iterator[str]:
    """Create a new, empty database of the running server."""
    postgres.start()
    name = f"test_{next(_numbers)}"
    yield postgres.create_database(name)
    postgres.start()
    postgres.drop_database(name)
