"""The QA office's PostgreSQL: databases, users and the table as the old system left it."""

from tests.system.machine import Machine

USER = "qa"
PASSWORD = "not-a-secret"


def create(machine: Machine, name: str) -> None:
    """Make an empty database that USER owns."""
    machine.ssh(
        "runuser -u postgres -- psql -v ON_ERROR_STOP=1 -q",
        stdin=f"""
        SELECT 'CREATE ROLE {USER} LOGIN PASSWORD ''{PASSWORD}'''
            WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{USER}') \\gexec
        CREATE DATABASE {name} OWNER {USER} TEMPLATE template0 ENCODING 'UTF8'
            LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8';
    """,
    )


def url(name: str, host: str = "127.0.0.1") -> str:
    """Return the address of a database, as a DATABASE_URL."""
    return f"postgresql://{USER}:{PASSWORD}@{host}:5432/{name}"


def sql(machine: Machine, name: str, statements: str) -> list[str]:
    """Run statements as USER and return the rows, columns split by |."""
    command = f"psql -v ON_ERROR_STOP=1 -qAt '{url(name)}'"
    return machine.ssh(command, stdin=statements).stdout.splitlines()


def drops(machine: Machine, name: str) -> list[str]:
    """Return the drop numbers in qa_photo_reviews, sorted."""
    return sql(machine, name, "SELECT drop_number FROM qa_photo_reviews ORDER BY 1")
