"""A real HTTP server on this machine that answers what a test tells it, lies included."""

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

HTML = b"<!DOCTYPE html>\n<html><body>Proxy: please log in</body></html>"
DAY = "Wed, 25 Nov 2026 12:00:00 GMT"


class Reply(NamedTuple):
    """One answer; `cut` hangs up after the body though more was announced."""

    body: bytes = b""
    status: int = 200
    headers: tuple = ()
    cut: bool = False


class Server(ThreadingHTTPServer):
    """Answers each path with its next reply (the last one again and again); keeps what it got."""

    daemon_threads = True

    def __init__(self):
        self.replies, self.asked = {}, []
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}"

    def paths(self):
        return [path for path, _, _ in self.asked]


class Handler(BaseHTTPRequestHandler):
    def _answer(self):
        url = urlsplit(self.path)
        size = int(self.headers.get("Content-Length", 0))
        fields = parse_qs(self.rfile.read(size).decode() if size else url.query)
        self.server.asked.append((url.path, fields, dict(self.headers)))
        replies = self.server.replies.get(url.path, [Reply(status=404)])
        reply = replies.pop(0) if len(replies) > 1 else replies[0]
        self.send_response(reply.status)
        for name, value in reply.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body) + 100 * reply.cut))
        self.end_headers()
        self.wfile.write(reply.body)

    do_GET = do_POST = _answer  # noqa: N815 - the names http.server looks for

    def date_time_string(self, timestamp=None):  # noqa: ARG002 - the signature of the class above
        return DAY

    def log_message(self, *_):
        """Keep the terminal quiet."""


@contextmanager
def serving():
    with Server() as one:
        thread = threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield one
        finally:
            one.shutdown()
            thread.join()
