"""Showing database URLs without their passwords."""

import re
from urllib.parse import unquote

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_HOST = r"(?:\[[^]/?#]*]|[^]:/?#,[]*)(?::\d*)?"
_HOSTS = re.compile(rf"{_HOST}(?:,{_HOST})*(?:[/?#]|$)")


def mask_url(url: str) -> str:
    """Return `url` with its password, wherever it stands, replaced by ***.

    A text that is not a proper URL loses rather too much than too little.
    """
    scheme = _SCHEME.match(url)
    if scheme is None:
        return "***"
    rest = url[scheme.end() :]
    # The last @, because a password that was not encoded may hold @ and / as well.
    credentials, at, place = rest.rpartition("@")
    if "?" in credentials:
        return f"{scheme[0]}***"  # is it part of a password, or the @ part of a query?
    if at:
        user, colon, _ = credentials.partition(":")
        return f"{scheme[0]}{user}{':***' if colon else ''}@{_masked_query(place)}"
    if not _HOSTS.match(rest):
        return f"{scheme[0]}***"
    return scheme[0] + _masked_query(rest)


def _masked_query(place: str) -> str:
    before, mark, query = place.partition("?")
    return before + mark + ("&".join(map(_masked_pair, query.split("&"))) if query else "")


def _masked_pair(pair: str) -> str:
    key, equals, _ = pair.partition("=")
    if not equals:
        return "***"  # perhaps the rest of a password with an & in it
    return f"{key}=***" if "password" in unquote(key).lower() else pair
