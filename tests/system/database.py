"""The QA office's PostgreSQL: databases, users and the table as the old system left it."""

from tests.system.machine import Machine

USER = "qa"
PASSWORD = "not-a-secret"

# The twelve checks of a review, and two that an older table still had.
STEPS = (
    "step_01_house_photo",
    "step_02_cable_span",
    "step_03_cable_entry_outside",
    "step_04_cable_entry_inside",
    "step_05_wall",
    "step_06_ont_back",
    "step_07_power_meter",
    "step_08_ont_barcode",
    "step_09_ups_serial",
    "step_10_final_install",
    "step_11_green_lights",
    "step_12_signature",
)
OLD_STEPS = (*STEPS, "step_13_router", "step_14_speed_test")


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


def adopted_table(*, older: bool = False) -> str:
    """Return the statement that makes qa_photo_reviews as the old system had it.

    The older variant lacks submitted_by and has fourteen steps.
    """
    steps = "\n".join(
        f"    {step} BOOLEAN DEFAULT false," for step in (OLD_STEPS if older else STEPS)
    )
    submitted_by = "" if older else "submitted_by TEXT,"
    return f"""
CREATE TABLE qa_photo_reviews (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    drop_number TEXT UNIQUE NOT NULL,
    project VARCHAR(100),
    user_name VARCHAR(100),
    {submitted_by}
    review_date DATE,
    whatsapp_message_date TIMESTAMPTZ,
{steps}
    incorrect_steps TEXT[],
    incorrect_comments JSONB,
    completed_photos INTEGER DEFAULT 0,
    outstanding_photos INTEGER DEFAULT {len(OLD_STEPS if older else STEPS)},
    completed BOOLEAN DEFAULT false,
    incomplete BOOLEAN DEFAULT false,
    comment TEXT,
    feedback_sent TIMESTAMPTZ,
    locked_by TEXT,
    locked_at TIMESTAMPTZ,
    resubmitted BOOLEAN DEFAULT false,
    created_at TIMESTAMPTZ DEFAULT now(),
    updated_at TIMESTAMPTZ DEFAULT now()
);
"""


def drops(machine: Machine, name: str) -> list[str]:
    """Return the drop numbers in qa_photo_reviews, sorted."""
    return sql(machine, name, "SELECT drop_number FROM qa_photo_reviews ORDER BY 1")
