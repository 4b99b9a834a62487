"""Showing database URLs without their passwords."""

import re
from urllib.parse import unquote

# Shorter ones tell nothing, and would be found in every other word.
_SHORTEST_PIECE = 3

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


def hide_password(text: str, url: str) -> str:
    """Return `text` without `url` or any part of its password, each replaced by ***.

    What a library says of a URL that it misreads may quote the password as the host, or as
    what could not be decoded.
    """
    text = text.replace(url, mask_url(url))
    for piece in sorted(_pieces(url), key=len, reverse=True):
        text = text.replace(piece, "***")
    return text


def _pieces(url: str) -> set[str]:
    rest = url.partition("://")[2]
    secrets = [rest.rpartition("@")[0].partition(":")[2]]
    for pair in rest.partition("?")[2].split("&"):
        if "password" in unquote(pair).lower():
            secrets.append(pair.partition("=")[2])
    whole = {form for secret in secrets for form in (secret, unquote(secret))}
    return {
        piece
        for secret in whole
        for piece in (secret, *re.split(r"[@/?#:%&=]", secret))
        if len(piece) >= _SHORTEST_PIECE
    }


def _masked_query(place: str) -> str:
    before, mark, query = place.partition("?")
    return before + mark + ("&".join(map(_masked_pair, query.split("&"))) if query else "")


def _masked_pair(pair: str) -> str:
    key, equals, _ = pair.partition("=")
    if not equals:
        return "***"  # perhaps the rest of a password with an & in it
    return f"{key}=***" if "password" in unquote(key).lower() else pair
