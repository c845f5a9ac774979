"""Receivers on this machine for what alert channels send: HTTP and SMTP."""

from __future__ import annotations

import json
import socketserver
import threading
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any


class _Sink:
    """A server in a thread of its own, for as long as the `with` lasts."""

    server: socketserver.BaseServer

    def __enter__(self) -> Any:
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


class HttpSink(_Sink):
    """Keeps the JSON bodies, headers and paths of what is posted; answers `status` and `answer`.

    `arrived` is set when something came; while `hold` is cleared, no answer leaves.
    """

    def __init__(self) -> None:
        self.bodies: list[Any] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.status = 200
        self.answer = b""
        self.arrived = threading.Event()
        self.hold = threading.Event()
        self.hold.set()
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                sink.bodies.append(json.loads(body))
                sink.headers.append({name.lower(): value for name, value in self.headers.items()})
                sink.paths.append(self.path)
                sink.arrived.set()
                sink.hold.wait()
                answer = sink.answer if sink.status < 300 else b"no"
                self.send_response(sink.status)
                self.send_header("content-length", str(len(answer)))
                if 300 <= sink.status < 400:
                    self.send_header("location", sink.url)
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            request_queue_size = 64

        self.server = server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{server.server_port}/hook"


class SmtpSink(_Sink):
    """Keeps the mails that arrive; answers `refusal` to every recipient when there is one."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.recipients: list[list[str]] = []
        self.refusal = ""
        sink = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self._say("220 sink")
                recipients: list[str] = []
                while line := self.rfile.readline().decode().strip():
                    command = line[:4].upper()
                    if command == "RCPT" and sink.refusal:
                        self._say(sink.refusal)
                    elif command == "DATA":
                        self._say("354 go on")
                        sink.mails.append(self._mail())
                        sink.recipients.append(recipients)
                        recipients = []
                        self._say("250 kept")
                    elif command == "QUIT":
                        self._say("221 bye")
                        return
                    else:
                        if command == "RCPT":
                            recipients.append(line.partition("<")[2].partition(">")[0])
                        self._say("250 yes")

            def _mail(self) -> EmailMessage:
                lines = []
                while (line := self.rfile.readline()) not in (b".\r\n", b""):
                    lines.append(line[1:] if line.startswith(b"..") else line)
                text = b"".join(lines).replace(b"\r\n", b"\n")
                return message_from_bytes(text, policy=policy.default)

            def _say(self, line: str) -> None:
                self.wfile.write(f"{line}\r\n".encode())

        class Server(socketserver.ThreadingTCPServer):
            request_queue_size = 64
            daemon_threads = True

        self.server = server = Server(("127.0.0.1", 0), Handler)
        self.port: int = server.server_address[1]
