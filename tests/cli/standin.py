# SPDX-License-Identifier: Apache-2.0
"""A stand-in for the server's API on a free loopback port: a test says what each request is answered, and looks at what was asked."""
import collections
import http.server
import json
import socket
import ssl
import threading
import urllib.parse

from things import LAYOUTS

Asked = collections.namedtuple("Asked", "method path query headers body")


class Standin:
    """routes: {"GET /api/v1/devices": answer}. An answer is something to send as JSON, (status, something), (status, bytes, type),
    a generator of bytes (a stream), "drop" (the connection ends without an answer), or a function of the request that gives one of these.
    A list wrapped in Each gives one answer after another, the last one for ever."""

    def __init__(self, routes=None, cert=None):
        self.routes = {"GET /api/v1/layouts": LAYOUTS, **(routes or {})}
        self.asked = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def handle_one(self):
                url = urllib.parse.urlsplit(self.path)
                n = int(self.headers.get("Content-Length") or 0)
                request = Asked(self.command, url.path, dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True)),
                                {k.lower(): v for k, v in self.headers.items()}, self.rfile.read(n))
                outer.asked.append(request)
                outer.answer(self, request)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_one

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass

        self.httpd = Server(("127.0.0.1", 0), Handler)
        self.scheme = "http"
        if cert:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*cert)
            self.httpd.socket = context.wrap_socket(self.httpd.socket, server_side=True)
            self.scheme = "https"
        self.url = f"{self.scheme}://127.0.0.1:{self.httpd.server_address[1]}"
        self.thread = threading.Thread(target=self.httpd.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    def close(self):
        self.httpd.shutdown()
        self.httpd.server_close()

    def answer(self, handler, request):
        answer = self.routes.get(f"{request.method} {request.path}")
        if answer is None:
            answer = problem(404, "Not found", f'there is nothing at {request.path}')
        while callable(answer):
            answer = answer(request)
        if isinstance(answer, str) and answer == "drop":
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)
            return
        if hasattr(answer, "__next__"):
            self.stream(handler, answer)
            return
        status, body, kind = 200, answer, "application/json"
        if isinstance(answer, tuple):
            status, body = answer[:2]
            kind = answer[2] if len(answer) > 2 else kind if status < 400 else "application/problem+json"
        extra = answer[3] if isinstance(answer, tuple) and len(answer) > 3 else {}
        if not isinstance(body, bytes):
            body = b"" if body is None else (json.dumps(body, ensure_ascii=False) + "\n").encode()
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(body)))
        for name, value in extra.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    def stream(self, handler, pieces):
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        try:
            for piece in pieces:
                handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            handler.wfile.write(b"0\r\n\r\n")
        except OSError:
            handler.close_connection = True

    def of(self, method, path=None):
        return [a for a in self.asked if a.method == method and (path is None or a.path == path)]


class Each:
    def __init__(self, *answers):
        self.answers, self.lock = list(answers), threading.Lock()

    def __call__(self, _request):
        with self.lock:
            return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def items(*rows, next=None):
    return {"items": list(rows), "next": next}


def problem(status, title, detail, **more):
    return status, {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}


def event(kind, data, id=None):
    head = f"id: {id}\n" if id is not None else ""
    return f"{head}event: {kind}\ndata: {json.dumps(data)}\n\n".encode()
