"""What a test needs of the user that runs it."""

import os

import pytest

NOBODY = 65534
"""The user and group of nobody, whom file permissions bind as they do not bind root."""


def require_root(why: str) -> None:
    """Skip the test, saying why, unless root runs it; in CI that is a failure."""
    if os.geteuid() == 0:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(why)
    pytest.skip(why)
