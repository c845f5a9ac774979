"""A model that answers at an address of its own: rows are sent there, and its answers are ours.

What it answers is checked as any model's answer is. A server waits for it in threads.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import math
import os
import ssl
import time
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from mlwright.bundle.foreign import Columns, Foreign, as_scores
from mlwright.bundle.plan import Floats
from mlwright.core.config import reveal
from mlwright.core.errors import BundleError, RemoteError
from mlwright.core.signature import Signature

MOST_BYTES = 64_000_000
MOST_ROWS = 500
"""Rows sent at once: servers limit what they take."""

_PART = 65536
_BROKEN = (http.client.HTTPException, OSError)

Records = list[dict[str, Any]]


class Endpoint:
    """The address, the contract it speaks, and the connections that wait to be used again."""

    def __init__(self, foreign: Foreign) -> None:
        try:
            facts = json.loads(foreign.data)
            self.url, contract = str(facts["url"]), str(facts["contract"])
            self._timeout = float(facts["timeout"])
            self._token = facts["token"]
            self._body, self._read = CONTRACTS[contract]
        except (ValueError, KeyError, TypeError) as exc:
            raise BundleError(
                "the description of the endpoint cannot be read", hint="adopt the endpoint again"
            ) from exc
        foreign.trust.check_address(self.url)
        self._foreign = foreign
        self._idle: deque[http.client.HTTPConnection] = deque()  # threads may share it
        weakref.finalize(self, _close, self._idle)

    def scores(self, columns: Columns) -> Floats:
        """Ask the endpoint, and return the scores of its answer.

        Raises:
            RemoteError: it does not answer, not in time, or not with success.
            BundleError: its answer cannot be read.
        """
        records = as_records(columns, self._foreign.signature)
        parts = [records[i : i + MOST_ROWS] for i in range(0, len(records), MOST_ROWS)]
        return np.concatenate([self._scored(part) for part in parts])

    def _scored(self, records: Records) -> Floats:
        answer = self._ask(json.dumps(self._body(records)).encode())
        found = self._read(answer, self._foreign.signature)
        return as_scores(found, self._foreign.signature, rows=len(records))

    def _ask(self, body: bytes) -> Any:
        try:
            status, data = self._post(body)
        except TimeoutError as exc:
            raise RemoteError(
                f"{self._place} did not answer within {self._timeout:g} s",
                hint="look at that endpoint, or adopt it again with a longer --timeout",
            ) from exc
        except _BROKEN as exc:
            raise RemoteError(
                f"{self._place} cannot be reached: {type(exc).__name__}",
                hint="look at that endpoint",
            ) from exc
        if status != 200:
            raise RemoteError(
                f"{self._place} answered with HTTP {status}", hint="look at that endpoint's log"
            )
        try:
            return json.loads(data)
        except ValueError as exc:
            raise RemoteError(
                f"{self._place} answered what is not JSON", hint="look at that endpoint"
            ) from exc

    def _post(self, body: bytes) -> tuple[int, bytes]:
        parts = urlsplit(self.url)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = {"content-type": "application/json"}
        if self._token:
            headers["authorization"] = f"Bearer {reveal(self._token)}"
        kept = None
        with contextlib.suppress(IndexError):
            kept = self._idle.pop()
        connection = kept or self._connection()
        started = time.monotonic()
        try:
            try:
                connection.request("POST", path, body, headers)
                response = connection.getresponse()
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                if kept is None:
                    raise
                connection.close()  # it had been closed there meanwhile
                connection.request("POST", path, body, headers)
                response = connection.getresponse()
            data = self._body_of(response, connection, started)
        except BaseException:
            connection.close()
            raise
        if len(data) > MOST_BYTES or response.will_close:
            connection.close()
        else:
            self._idle.append(connection)
        return response.status, data[:MOST_BYTES]

    def _body_of(
        self,
        response: http.client.HTTPResponse,
        connection: http.client.HTTPConnection,
        started: float,
    ) -> bytes:
        """Read an answer within the time limit, however slowly it comes."""
        data = bytearray()
        while len(data) <= MOST_BYTES and (part := response.read1(_PART)):
            data += part
            left = started + self._timeout - time.monotonic()
            if left <= 0:
                raise TimeoutError
            if connection.sock is not None:
                connection.sock.settimeout(left)
        response.close()  # read to its end by `read1`, it does not know that it is
        if connection.sock is not None:
            connection.sock.settimeout(self._timeout)
        return bytes(data)

    def _connection(self) -> http.client.HTTPConnection:
        parts = urlsplit(self.url)
        host, port = parts.hostname or "", parts.port
        if parts.scheme == "https":
            # OpenSSL's own folders, or what SSL_CERT_FILE names.
            context = ssl.create_default_context(cafile=os.environ.get("SSL_CERT_FILE"))
            return http.client.HTTPSConnection(host, port, timeout=self._timeout, context=context)
        return http.client.HTTPConnection(host, port, timeout=self._timeout)

    @property
    def _place(self) -> str:
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}{parts.path}"


def _close(connections: deque[http.client.HTTPConnection]) -> None:
    for connection in connections:
        connection.close()


def as_records(columns: Columns, signature: Signature) -> Records:
    """Return columns as rows of JSON values."""
    plain = {
        column.name: _plain(columns[column.name].tolist(), column.kind == "boolean")
        for column in signature.inputs
    }
    rows = len(next(iter(plain.values())))
    return [{name: values[i] for name, values in plain.items()} for i in range(rows)]


def _plain(values: list[Any], boolean: bool) -> list[Any]:
    filled = [None if isinstance(v, float) and math.isnan(v) else v for v in values]
    return [None if v is None else bool(v) for v in filled] if boolean else filled


def _split(records: Records) -> Any:
    names = list(records[0]) if records else []
    data = [[record[name] for name in names] for record in records]
    return {"dataframe_split": {"columns": names, "data": data}}


def _answers(answer: Any, signature: Signature) -> Any:
    """Read `predictions`: labels, numbers, lists of probabilities, or objects with these."""
    try:
        found: Sequence[Any] = answer["predictions"] if isinstance(answer, dict) else answer
        if not found or not isinstance(found[0], dict):
            return found
        if signature.task == "regression" or "probability" not in found[0]:
            return [each["prediction"] for each in found]
        if signature.task == "binary":
            return [float(each["probability"]) for each in found]
        names = [str(label) for label in signature.classes]
        if isinstance(found[0]["probability"], dict):
            return [[float(each["probability"][name]) for name in names] for each in found]
        return [each["prediction"] for each in found]
    except (KeyError, TypeError, ValueError, IndexError) as exc:
        raise BundleError(
            "the endpoint's answer holds no predictions",
            hint='it must answer {"predictions": [...]}, one a row',
        ) from exc


CONTRACTS: dict[str, tuple[Callable[[Records], Any], Callable[[Any, Signature], Any]]] = {
    "records": (lambda records: {"records": records}, _answers),
    "mlflow": (_split, _answers),
    "instances": (lambda records: {"instances": records}, _answers),
}
"""Contract -> what is sent, and how its answer is read; ours first, then MLflow's and Vertex'."""


def load(foreign: Foreign) -> Endpoint:
    """Read the description of an endpoint; nothing is sent yet.

    Raises:
        BundleError: it is none, or its address is not trusted.
    """
    return Endpoint(foreign)
