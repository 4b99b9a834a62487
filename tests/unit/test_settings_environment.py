"""The environment's settings come from .env and the process, and no fault shows a secret."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.settings import Environment, SettingsError, load_environment, mask_url

SECRET = "hunter2secret"
URL = f"postgresql://monitor:{SECRET}@db.example:5432/qa?sslmode=require"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "prod"
    folder.mkdir()
    return folder


def write(home: Path, text: str | bytes) -> None:
    (home / ".env").write_bytes(text if isinstance(text, bytes) else text.encode())


def faults(home: Path, **process_env: str) -> list[str]:
    with pytest.raises(SettingsError) as refusal:
        load_environment(home, process_env)
    assert SECRET not in str(refusal.value)
    return [str(fault).removeprefix(f"{home}/") for fault in refusal.value.faults]


def test_all_settings_are_read(home: Path) -> None:
    write(
        home,
        f"""\
# prod
export DATABASE_URL="{URL}"
WHATSAPP_DB_PATH='/srv/bridge/store/messages.db'

SCAN_INTERVAL=0.5   # seconds
LOG_LEVEL=debug
LOG_FILE=logs/wa-monitor-prod.log
WA_MONITOR_INSTANCE=vps-1/prod
OPENAI_TOKEN=another program's
""",
    )
    assert load_environment(home, {}) == Environment(
        home=home,
        database_url=URL,
        bridge_path=Path("/srv/bridge/store/messages.db"),
        scan_interval=0.5,
        log_level="DEBUG",
        log_file=home / "logs" / "wa-monitor-prod.log",
        instance="vps-1/prod",
    )


def test_the_bridge_alone_has_to_be_named(home: Path) -> None:
    write(home, "WHATSAPP_DB_PATH=store/messages.db\n")
    assert load_environment(home, {}) == Environment(
        home=home,
        database_url=None,
        bridge_path=home / "store" / "messages.db",
        scan_interval=15.0,
        log_level="INFO",
        log_file=None,
        instance=f"{os.uname().nodename}/prod",
    )


def test_paths_follow_from_the_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home.parent)
    environment = load_environment(Path("prod"), {"WHATSAPP_DB_PATH": "messages.db"})
    assert environment.home == home
    assert environment.state_path == home / "state.json"
    assert environment.projects_path == home / "config" / "projects.yaml"
    monkeypatch.chdir(home)
    here = load_environment(Path(), {"WHATSAPP_DB_PATH": "messages.db"})
    assert here == environment


def test_the_process_environment_wins_and_an_empty_setting_is_none(home: Path) -> None:
    write(home, "WHATSAPP_DB_PATH=a.db\nSCAN_INTERVAL=5\nLOG_LEVEL=\nLOG_FILE=x.log\nLOG_FILE=\n")
    environment = load_environment(
        home, {"WHATSAPP_DB_PATH": "b.db", "SCAN_INTERVAL": "", "UNRELATED": "1"}
    )
    assert environment.bridge_path == home / "b.db"
    assert environment.scan_interval == 5.0
    assert environment.log_level == "INFO"
    assert environment.log_file is None


def test_the_older_name_of_the_database_is_read_too(home: Path) -> None:
    other = URL.replace("postgresql", "postgres")
    write(home, f"WHATSAPP_DB_PATH=a.db\nNEON_DATABASE_URL={other}\n")
    assert load_environment(home, {}).database_url == other
    assert load_environment(home, {"DATABASE_URL": URL}).database_url == URL


def test_values_are_taken_literally(home: Path) -> None:
    write(home, "WHATSAPP_DB_PATH=a.db\nDATABASE_URL=postgresql://u:${HOME}$x#y@h/d\n")
    assert load_environment(home, {}).database_url == "postgresql://u:${HOME}$x#y@h/d"


def test_another_file_can_stand_in_for_that_of_the_home(home: Path) -> None:
    write(home, "WHATSAPP_DB_PATH=a.db\n")
    other = home / "next.env"
    other.write_text("WHATSAPP_DB_PATH=b.db\nSCAN_INTERVAL=2\n")
    assert load_environment(home, {}, other).bridge_path == home / "b.db"
    other.write_text("WHATSAPP_DB_PATH=b.db\nSCAN_INTERVAL=x\n")
    with pytest.raises(SettingsError, match=r"next\.env:2: SCAN_INTERVAL"):
        load_environment(home, {}, other)


def test_the_database_url_is_not_shown(home: Path) -> None:
    environment = load_environment(home, {"WHATSAPP_DB_PATH": "a.db", "DATABASE_URL": URL})
    assert environment.database_url == URL
    assert SECRET not in repr(environment)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "",
            ".env: WHATSAPP_DB_PATH: expected the path of the bridge's messages.db, found nothing; "
            "add WHATSAPP_DB_PATH=… to this file",
        ),
        (
            "\n\n# x\nSCAN_INTERVAL=0\n",
            ".env:4: SCAN_INTERVAL: expected a number of seconds from 0.1 to 3600, found 0.0",
        ),
        (
            "SCAN_INTERVAL=fast\n",
            ".env:1: SCAN_INTERVAL: expected a number of seconds from 0.1 to 3600, found 'fast'",
        ),
        (
            "SCAN_INTERVAL=nan\n",
            ".env:1: SCAN_INTERVAL: expected a number of seconds from 0.1 to 3600, found 'nan'",
        ),
        (
            "SCAN_INTERVAL=3601\n",
            ".env:1: SCAN_INTERVAL: expected a number of seconds from 0.1 to 3600, found 3601.0",
        ),
        (
            "LOG_LEVEL=loud\n",
            ".env:1: LOG_LEVEL: expected DEBUG, INFO, WARNING, ERROR or CRITICAL, found 'LOUD'",
        ),
        (
            "WA_MONITOR_INSTANCE='a b'\n",
            ".env:1: WA_MONITOR_INSTANCE: expected a name for this monitor: 1 to 100 characters, "
            "none of them a space or control character, found 'a b'",
        ),
        ("\nLOG_FILE\n", ".env:2: LOG_FILE: expected KEY=value, found no ="),
        ("A=1\nnot a setting\n", ".env:2: expected KEY=value, found something else"),
        (b"A=1\nB=\xff\n", ".env:2: expected UTF-8 text"),
    ],
)
def test_a_fault_is_named_with_line_key_and_expectation(
    home: Path, text: str | bytes, expected: str
) -> None:
    write(home, text)
    process_env = {"WHATSAPP_DB_PATH": "a.db"} if text else {}
    assert faults(home, **process_env) == [expected]


def test_all_faults_are_told_at_once_with_where_each_was_set(home: Path) -> None:
    write(home, "SCAN_INTERVAL=fast\nLOG_LEVL=INFO\n")
    assert [fault.split(": expected")[0] for fault in faults(home, LOG_LEVEL="loud")] == [
        ".env:2: LOG_LEVL",
        ".env: WHATSAPP_DB_PATH",
        ".env:1: SCAN_INTERVAL",
        "environment: LOG_LEVEL",
    ]


def test_a_missing_env_file_says_what_to_create(home: Path) -> None:
    (fault,) = faults(home)
    assert fault.endswith("found nothing; create this file with WHATSAPP_DB_PATH=…")


def test_a_folder_in_the_place_of_the_env_file_is_told_of(home: Path) -> None:
    (home / ".env").mkdir()
    assert faults(home, WHATSAPP_DB_PATH="a.db") == [".env: cannot be read: Is a directory"]


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("DATABASE_URI", "DATABASE_URL"),
        ("DATABSE_URL", "DATABASE_URL"),
        ("database_url", "DATABASE_URL"),
        ("NEON_DATABASEURL", "NEON_DATABASE_URL"),
        ("WHATSAPP_DBPATH", "WHATSAPP_DB_PATH"),
        ("SCAN_INTERVALL", "SCAN_INTERVAL"),
        ("SCAN-INTERVAL", "SCAN_INTERVAL"),
        ("LOGLEVEL", "LOG_LEVEL"),
        ("LOG_FLIE", "LOG_FILE"),
        ("WAMONITOR_INSTANCE", "WA_MONITOR_INSTANCE"),
    ],
)
def test_a_key_that_is_nearly_right_is_a_fault(home: Path, key: str, meant: str) -> None:
    write(home, f"{key}={SECRET}\n")
    assert faults(home, WHATSAPP_DB_PATH="a.db") == [
        f".env:1: {key}: expected {meant}, found a key that is nearly the same"
    ]


@pytest.mark.parametrize(
    "key",
    ["TEST_DATABASE_URL", "DATABASE_HOST", "LOG_DIR", "WHATSAPP_TOKEN", "PATH", "LOG_FILE_MAX"],
)
def test_other_programs_keys_are_let_be(home: Path, key: str) -> None:
    write(home, f"{key}=x\n")
    assert load_environment(home, {"WHATSAPP_DB_PATH": "a.db"}).database_url is None


@pytest.mark.parametrize(
    "url",
    [
        f"mysql://monitor:{SECRET}@db.example/qa",
        f"postgresql:/monitor:{SECRET}@db.example/qa",
        f"host=db.example password={SECRET}",
        f"postgresql://monitor:{SECRET} @db.example/qa",
        f"psql 'postgresql://monitor:{SECRET}@db.example/qa'",
        SECRET,
    ],
)
def test_a_faulty_database_url_is_not_shown(home: Path, url: str) -> None:
    write(home, f'NEON_DATABASE_URL="{url}"\n')
    said = (
        "expected a URL that begins with postgresql:// or postgres://, without spaces; "
        "what was found is a secret, not shown"
    )
    assert faults(home, WHATSAPP_DB_PATH="a.db", DATABASE_URL=url) == [
        f"environment: DATABASE_URL: {said}",
        f".env:1: NEON_DATABASE_URL: {said}",
    ]


@pytest.mark.parametrize(
    "line",
    [
        f"postgresql://u:{SECRET}@h/d",
        f"DATABASE_URL {SECRET}",
        f"DATABASE_URL: postgresql://u:{SECRET}@h/d?sslmode=require",
        f"DATABASE_URL:postgresql://u:{SECRET}@h/d?sslmode=require",
        f'DATABASE_URL="{SECRET}',
    ],
)
def test_a_line_that_is_no_setting_is_not_shown(home: Path, line: str) -> None:
    write(home, f"{line}\n")
    assert faults(home, WHATSAPP_DB_PATH="a.db") == [
        ".env:1: expected KEY=value, found something else"
    ]


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        (URL, "postgresql://monitor:***@db.example:5432/qa?sslmode=require"),
        ("postgresql://monitor@/qa?host=/run/pg", "postgresql://monitor@/qa?host=/run/pg"),
        ("postgresql://h/d", "postgresql://h/d"),
        ("postgresql://h1:5432,h2:5433/d", "postgresql://h1:5432,h2:5433/d"),
        ("postgresql://[::1]:5432/d", "postgresql://[::1]:5432/d"),
        ("postgresql://u:p@[::1]:5432/d", "postgresql://u:***@[::1]:5432/d"),
        ("postgresql://u:@h/d", "postgresql://u:***@h/d"),
        ("postgresql:///d?password=p&user=u", "postgresql:///d?password=***&user=u"),
        ("postgresql://u@h/d?sslpass%77ord=p", "postgresql://u@h/d?sslpass%77ord=***"),
        ("postgresql://u:the-host-was-forgotten/d", "postgresql://***"),
        ("postgresql://u:is-it?a-query@h/d", "postgresql://***"),
        ("not a url", "***"),
        ("", "***"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, masked: str) -> None:
    assert mask_url(url) == masked


PASSWORDS = st.text(st.sampled_from("Zz9:/@?#%&[] "), max_size=8).map(lambda text: f"Q{text}Q")


@given(PASSWORDS, st.sampled_from(["user:{}@db/qa", "user:{}@db:1/qa?a=b"]))
def test_no_password_in_the_user_part_is_shown(password: str, form: str) -> None:
    assert not set("QZ9") & set(mask_url("postgresql://" + form.format(password)))


@given(PASSWORDS.filter(lambda text: "&" not in text), st.sampled_from(["", "u@", "u:x@"]))
def test_no_password_in_the_query_is_shown(password: str, user: str) -> None:
    shown = mask_url(f"postgresql://{user}db:5432/qa?a=b&password={password}")
    assert not set("QZ") & set(shown)
