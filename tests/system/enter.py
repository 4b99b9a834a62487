"""ssh's way into the lab: connect here, and hand the connected socket to ssh (ProxyUseFdpass).

Run as `ip netns exec LAB python enter.py HOST PORT`; uses nothing but the standard library.
"""

import socket
import sys


def main() -> None:
    """Connect to HOST PORT and pass the socket over standard output, which ssh made a socket."""
    host, port = sys.argv[1:]
    with (
        socket.create_connection((host, int(port)), timeout=10) as connection,
        socket.socket(fileno=sys.stdout.fileno()) as ssh,
    ):
        connection.settimeout(None)
        socket.send_fds(ssh, [b"\0"], [connection.fileno()])


if __name__ == "__main__":
    main()
