"""A server of the viewer's page whose answers to WHEP are the test's: by what it is told to say."""

from __future__ import annotations

import http.server
import json
import re
import threading
from pathlib import Path

PAGE = Path(__file__).resolve().parents[3] / "src" / "webrtc" / "page"


class FakeWhep:
    """`answers` is by the request's Authorization; `requests` has method, target and body."""

    def __init__(self, port: int = 8889) -> None:
        self.whep: str | None = None  # where its page asks instead
        self.answers: dict[str, tuple[int, dict[str, str]]] = {}
        self.requests: list[tuple[str, str, bytes]] = []
        fake = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                is_script = self.path.endswith("/reader.js")
                text = (PAGE / ("reader.js" if is_script else "page.html")).read_text()
                if fake.whep:
                    text, _ = re.subn(r"(?<=url: )new URL\(`whep.*?\)\.href", repr(fake.whep), text)
                self.respond(200, "application/javascript" if is_script else "text/html",
                             text.encode())

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                fake.requests.append((self.command, self.path, body))
                status, answer = fake.answers[self.headers.get("Authorization", "")]
                self.respond(status, "application/json", json.dumps(answer).encode())

            def respond(self, status: int, kind: str, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> FakeWhep:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
