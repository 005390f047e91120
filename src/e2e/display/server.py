"""One page on a local port, until interrupted."""

from __future__ import annotations

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from e2e.problems import InputError


def serve_page(page: str, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Answer `/` with the page until KeyboardInterrupt; `ready` is called with its address. port 0: any that is free.

    Raises InputError when the port cannot be had.
    """
    try:
        server = ThreadingHTTPServer((host, port), _handler(page.encode()))
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or error
        raise InputError("display", f"cannot listen on {host}:{port} ({why})", "give another --port, or 0") from None
    with server:
        ready(f"http://{host}:{server.server_port}/")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return


def _handler(page: bytes) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
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
