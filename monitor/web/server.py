"""Serves the web app on 127.0.0.1 from beside the loop."""

import logging
from threading import Event
from wsgiref.types import WSGIApplication

from waitress.server import create_server

from monitor.logs import fields
from monitor.service.attendants import Attendants
from monitor.settings.environment import Environment
from monitor.web.app import App

HOST = "127.0.0.1"
THREADS = 4
"""As many may wait for a look while the others, a health check say, are answered at once."""

WAKE_SECONDS = 10
BIND_AGAIN_SECONDS = 15.0

log = logging.getLogger(__name__)


def serve(environment: Environment, attendants: Attendants, stopped: Event) -> None:
    """Serve until stopped; a port that is taken is waited for, delivery goes on meanwhile."""
    app = App(environment, attendants)
    told = False
    while not stopped.is_set():
        try:
            _serve_once(app, environment.watching.http_port or 0)
        except OSError as error:
            if not told:
                log.error(
                    "HTTP not served: trying again; is HTTP_PORT another program's?",
                    extra=fields(
                        host=HOST, port=environment.watching.http_port, fault=error.strerror
                    ),
                )
            told = True
            stopped.wait(BIND_AGAIN_SECONDS)


def _serve_once(app: WSGIApplication, port: int) -> None:
    server = create_server(
        app,
        host=HOST,
        port=port,
        threads=THREADS,
        ident=None,
        asyncore_use_poll=True,
        asyncore_loop_timeout=WAKE_SECONDS,
        connection_limit=50,
        channel_timeout=30,
        max_request_body_size=4096,
    )
    log.info("HTTP served", extra=fields(host=HOST, port=port))
    server.run()
