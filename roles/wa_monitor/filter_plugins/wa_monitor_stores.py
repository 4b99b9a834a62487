"""Filter that finds environments which would write to one and the same store."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from urllib.parse import parse_qs, unquote, urlsplit

_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_SEARCH_PATH = re.compile(r"search_path\s*=\s*([^\s]+)")


def store_key(url: str) -> tuple[str, int, str, str]:
    """Return what identifies a store: server, port, database and first schema of the search path.

    The user, the password and TLS options choose how to reach a store, not which one it is.
    """
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    host = (parts.hostname or unquote(query.get("host", ["localhost"])[0])).lower()
    # A managed PostgreSQL often has a second name for the same database behind a pooler.
    first, _, rest = host.partition(".")
    host = ".".join(filter(None, (first.removesuffix("-pooler"), rest)))
    if host in _LOOPBACK or host.startswith("/"):
        host = "localhost"
    database = unquote(parts.path.lstrip("/")) or query.get("dbname", [parts.username or ""])[0]
    found = _SEARCH_PATH.search(" ".join(query.get("options", [])))
    schema = found.group(1).split(",")[0].strip("\"' ") if found else "public"
    port = parts.port or int(query.get("port", ["5432"])[0])
    return host, port, database, schema


def shared_stores(urls: Mapping[str, str]) -> list[list[str]]:
    """Return the groups of environment names whose URLs lead to the same store."""
    names: dict[tuple[str, int, str, str], list[str]] = defaultdict(list)
    for name, url in urls.items():
        if url:
            names[store_key(url)].append(name)
    return [sorted(group) for group in names.values() if len(group) > 1]


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, Callable[..., object]]:
        """Return the filters by name."""
        return {"wa_monitor_shared_stores": shared_stores}
