"""One page on a local port, until interrupted."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from e2e.problems import InputError
from e2e.stopping import until_asked_to_stop


def serve_page(page: str, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Answer `/` with the page until SIGINT, SIGTERM or SIGHUP; `ready` is called with its address. port 0: any that is
    free.

    Raises InputError when the port cannot be had, or there is no such host.
    """
    at = f"[{host}]" if ":" in host else host
    try:
        server = _server_of(host)((host, port), _handler(page.encode()))
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or error
        remedy = "give another --host" if isinstance(error, socket.gaierror) else "give another --port, or 0"
        raise InputError("display", f"cannot listen on {at}:{port} ({why})", remedy) from None
    with until_asked_to_stop(), server:
        ready(f"http://{at}:{server.server_port}/")
        server.serve_forever()


def _server_of(host: str) -> type[ThreadingHTTPServer]:
    class Server(ThreadingHTTPServer):
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

    return Server


def _handler(page: bytes) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def handle(self) -> None:
            with suppress(ConnectionError):  # who has left is not told
                super().handle()

        def do_GET(self) -> None:
            if self.path.partition("?")[0] != "/":
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(page)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, format: str, *values: object) -> None:
            """Silent."""

    return Handler
