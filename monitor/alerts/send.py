"""Sends one alert and ends: `python -m monitor.alerts.send`.

A process of its own, because the library that knows all the channels is larger than the whole
service, and whatever it does to itself, delivery goes on. What is to be sent is read from the
standard input, as JSON with `urls`, `title`, `body` and `kind`: URLs hold secrets, and the
arguments of a process can be read by anyone. Exit code 0 means that every channel took it.
"""

import json
import os
import sys
from contextlib import suppress


def main() -> int:
    """Send what the standard input says; print on the standard error why it could not be."""
    with suppress(OSError):
        os.nice(10)
    message = json.load(sys.stdin)
    import apprise  # noqa: PLC0415 -- after the lowered priority: importing is most of the work

    channels = apprise.Apprise()
    refused = [number for number, url in enumerate(message["urls"], 1) if not channels.add(url)]
    for number in refused:
        # By its place: the URL itself is a secret.
        sys.stderr.write(f"URL {number} of ALERT_URLS is none that Apprise knows\n")
    sent = len(channels) > 0 and channels.notify(
        body=message["body"], title=message["title"], notify_type=message["kind"]
    )
    if not sent:
        sys.stderr.write("a channel did not take the message\n")
    return 0 if sent and not refused else 1


if __name__ == "__main__":
    sys.exit(main())
