"""The environment's settings: its .env file, overridden by the process environment."""

import io
import math
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

from monitor.schemas import mismatches
from monitor.settings.answering import KEYS as ANSWERING_KEYS
from monitor.settings.answering import Answering, answering_of
from monitor.settings.faults import Fault, SettingsError
from monitor.settings.urls import mask_url
from monitor.settings.watching import KEYS as WATCHING_KEYS
from monitor.settings.watching import NUMBERS, Watching, watching_of

__all__ = ["SCHEMA_PATH", "Environment", "load_environment", "mask_url"]

SCHEMA_PATH = Path(__file__).with_name("environment.schema.json")
"""The JSON Schema (2020-12) of the settings, once SCAN_INTERVAL is read as a number."""

_KEYS = (
    "DATABASE_URL",
    "NEON_DATABASE_URL",
    "WHATSAPP_DB_PATH",
    "SCAN_INTERVAL",
    "LOG_LEVEL",
    "LOG_FILE",
    "WA_MONITOR_INSTANCE",
    *ANSWERING_KEYS,
    *WATCHING_KEYS,
)
# Near to one of ours, and yet another program's.
_OTHERS = ("HTTPS_PORT",)
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*", re.ASCII)
# At 0.87 a letter too many, too few or wrong is close in each of these keys;
# another program's LOG_DIR or WHATSAPP_TOKEN is not.
_CLOSE = 0.87


@dataclass(frozen=True)
class Environment:
    """One environment (prod, dev …): the settings that hold in the folder `home`.

    `database_url` holds a password, hence `repr` leaves it out; None stands for the
    embedded store. `scan_interval` is in seconds. `log_file` is None for no file.
    `instance` names this monitor among those that share a store. `answering` says whether
    and how answers are sent, `watching` how the service itself is watched.
    """

    home: Path
    database_url: str | None = field(repr=False)
    bridge_path: Path
    instance: str
    scan_interval: float = 15.0
    log_level: str = "INFO"
    log_file: Path | None = None
    answering: Answering = field(default_factory=Answering)
    watching: Watching = field(default_factory=Watching)

    @property
    def state_path(self) -> Path:
        """The file that shows operators the last message of each group."""
        return self.home / "state.json"

    @property
    def projects_path(self) -> Path:
        """The file that says which groups are watched."""
        return self.home / "config" / "projects.yaml"

    @property
    def backup_dir(self) -> Path:
        """The folder that holds the backups of every environment, one folder a day."""
        return self.watching.backup_dir or self.home.parent / "backups"


class _Setting(NamedTuple):
    value: str
    file: str
    line: int


def load_environment(
    home: Path, process_env: Mapping[str, str], env_file: Path | None = None
) -> Environment:
    """Return the settings of `home/.env`, each overridden by that of `process_env`.

    `env_file` is read in place of `home/.env` if given.

    A setting that is empty counts as not set, and a .env file need not exist. Values
    are taken literally: `${…}` is not expanded. Relative paths start at `home`.
    Raises SettingsError with every fault; none of them shows a secret.
    """
    home = home.absolute()
    env_file = env_file or home / ".env"
    settings, faults = _read_env_file(env_file)
    for key in _KEYS:
        if process_env.get(key):
            settings[key] = _Setting(process_env[key], "environment", 0)
    values = {key: _typed(key, settings[key].value) for key in _KEYS if key in settings}
    faults += _schema_faults(env_file, settings, values)
    if faults:
        raise SettingsError(tuple(faults))
    text = {key: setting.value for key, setting in settings.items()}
    return Environment(
        home=home,
        database_url=text.get("DATABASE_URL") or text.get("NEON_DATABASE_URL"),
        bridge_path=home / text["WHATSAPP_DB_PATH"],
        scan_interval=float(text.get("SCAN_INTERVAL", Environment.scan_interval)),
        log_level=text.get("LOG_LEVEL", Environment.log_level).upper(),
        log_file=home / text["LOG_FILE"] if "LOG_FILE" in text else None,
        instance=text.get("WA_MONITOR_INSTANCE") or _default_instance(home),
        answering=answering_of(text),
        watching=watching_of(home, text),
    )


def _read_env_file(path: Path) -> tuple[dict[str, _Setting], list[Fault]]:
    # The parser below dotenv_values, because that one knows no lines, and passes
    # over what it cannot read. Only here, because importing it costs 7 ms.
    from dotenv.parser import parse_stream  # noqa: PLC0415 -- see above

    file = str(path)
    settings: dict[str, _Setting] = {}
    faults: list[Fault] = []
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        return settings, faults
    except OSError as error:
        return settings, [Fault(file, "", f"cannot be read: {error.strerror}")]
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        return settings, [Fault(file, "", "expected UTF-8 text", line)]
    for binding in parse_stream(io.StringIO(text)):
        line = _line_of(binding.original.string, binding.original.line)
        if binding.error or (binding.key is not None and not _KEY.fullmatch(binding.key)):
            faults.append(Fault(file, "", "expected KEY=value, found something else", line))
        elif binding.key in _KEYS:
            if binding.value is None:
                faults.append(Fault(file, binding.key, "expected KEY=value, found no =", line))
            elif binding.value:
                settings[binding.key] = _Setting(binding.value, file, line)
            else:
                settings.pop(binding.key, None)
        elif binding.key is not None:
            faults += _near_miss(file, binding.key, line)
    return settings, faults


def _line_of(original: str, first: int) -> int:
    # A binding begins with the blank lines before it.
    blank = original[: len(original) - len(original.lstrip())]
    return first + blank.count("\n")


def _near_miss(file: str, key: str, line: int) -> Iterator[Fault]:
    tidy = key.upper().replace("-", "_")
    # TEST_DATABASE_URL and LOG_FILE_MAX are another program's.
    longer = (tidy.startswith(f"{known}_") or tidy.endswith(f"_{known}") for known in _KEYS)
    if tidy in _OTHERS or (tidy not in _KEYS and any(longer)):
        return
    for meant in get_close_matches(tidy, _KEYS, 1, _CLOSE):
        yield Fault(file, key, f"expected {meant}, found a key that is nearly the same", line)


def _typed(key: str, value: str) -> str | float:
    if key == "LOG_LEVEL":
        return value.upper()
    if key in ("AUDIT_REPAIR", "ENABLE_WHATSAPP_MESSAGES"):
        return value.lower()
    if key == "SCAN_INTERVAL" or key in NUMBERS:
        try:
            number = float(value)
        except ValueError:
            return value
        return number if math.isfinite(number) else value
    return value


def _schema_faults(
    env_file: Path, settings: Mapping[str, _Setting], values: Mapping[str, str | float]
) -> Iterator[Fault]:
    for path, message in mismatches(SCHEMA_PATH, dict(values)):
        key = str(path[0])
        if key in settings:
            yield Fault(settings[key].file, key, message, settings[key].line)
        elif env_file.exists():
            yield Fault(str(env_file), key, f"{message}; add {key}=… to this file")
        else:
            yield Fault(str(env_file), key, f"{message}; create this file with {key}=…")


def _default_instance(home: Path) -> str:
    # Not resolved: moving the folder behind a link must not make a new instance of it.
    name = home.name if home.name not in {"", ".."} else home.resolve().name
    return f"{os.uname().nodename}/{name}"
