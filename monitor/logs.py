"""Log lines: one an event, key=value, in UTC."""

import logging
import logging.handlers
import time
from pathlib import Path

from monitor.ownership import hand_over

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:/@+,%*")


class KeyValueFormatter(logging.Formatter):
    """Formats a record as `time=… level=… event="…"` and the keys of `extra={"fields": {…}}`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line, whatever line ends its values hold."""
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        pairs = [
            f"time={moment}.{int(record.msecs):03d}Z",
            f"level={record.levelname.lower()}",
            f"event={_value(record.getMessage())}",
        ]
        fields: dict[str, object] = getattr(record, "fields", {})
        pairs += [f"{key}={_value(str(value))}" for key, value in fields.items()]
        if record.exc_info:
            pairs.append(f"trace={_value(self.formatException(record.exc_info))}")
        return " ".join(pairs)


def set_up_logging(level: str, file: Path | None) -> str | None:
    """Send log lines to the standard error and, if given, to `file`, which may be rotated.

    Returns what is wrong with the file, if it cannot be written; logging goes on without it.
    """
    root = logging.getLogger()
    root.setLevel(level)
    handlers: list[logging.Handler] = [logging.StreamHandler()]
    fault = None
    if file is not None:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            handlers.append(logging.handlers.WatchedFileHandler(file, encoding="utf-8"))
            hand_over(file)
        except OSError as error:
            fault = f"LOG_FILE {file} cannot be written ({error.strerror})"
    for handler in handlers:
        handler.setFormatter(KeyValueFormatter())
    root.handlers = handlers
    # A full disk or a closed pipe must not stop a delivery, nor print a trace a line.
    logging.raiseExceptions = False
    return fault


def fields(**values: object) -> dict[str, dict[str, object]]:
    """Return the `extra` of a log call: its keys and values."""
    return {"fields": values}


def _value(text: str) -> str:
    if text and _PLAIN.issuperset(text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return (
        '"'
        + "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in escaped)
        + '"'
    )
