"""Where an endpoint is, and which model of the workspace should be answering there."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mlwright.bundle.bundle import Bundle
from mlwright.bundle.model import Model
from mlwright.bundle.trust import NOTHING, Trust
from mlwright.core.errors import ConfigError, DataError, NotFound, RemoteError, did_you_mean
from mlwright.core.signature import Signature
from mlwright.core.workspace import Workspace
from mlwright.deploy import releases
from mlwright.serve.client import Client, Response
from mlwright.serve.load import Server
from mlwright.serve.requests import ROUTE_HEADER
from mlwright.track import models

MOST_ROWS = 1000
PREDICT = "/predict"
MARK = {ROUTE_HEADER: "test"}
"""What tells our own servers that nothing is to be concluded from a request."""

_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server's address and the path that predicts; `model` is None where nobody knows it."""

    url: str
    path: str = PREDICT
    environment: str | None = None
    model: str | None = None


def find_endpoint(workspace: Workspace | None, text: str, *, model: str | None = None) -> Endpoint:
    """Return the endpoint that is meant by a URL, an environment, or `ENVIRONMENT-MODEL`.

    At a URL it is the model of the environment that answers there, or the one that the server
    names and the workspace knows; `model` says which one it should be.

    Raises:
        NotFound: there is no such environment, or another model answers there.
        RemoteError: the environment is stopped.
    """
    there = _environments(workspace)
    if "://" in text:
        parts = urlsplit(text)
        base, path = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/") or PREDICT
        known = next((each for each in there if each.url == base), None)
        name, found = (known.name, known.model) if known else (None, None)
        return Endpoint(base, path, name, model or found or _answering(workspace, base))
    found_there = _meant(there, text)
    if found_there.url is None or found_there.wanted == "stopped":
        raise RemoteError(
            f"nothing answers in {found_there.name}",
            hint=f"mlwright deploy MODEL {found_there.name}",
        )
    return Endpoint(found_there.url, PREDICT, found_there.name, model or found_there.model)


def _environments(workspace: Workspace | None) -> list[releases.Environment]:
    if workspace is None:
        return []
    with workspace.state.read() as connection:
        names = releases.environment_names(connection)
        return [releases.known_environment(connection, name) for name in names]


def _answering(workspace: Workspace | None, url: str) -> str | None:
    """Return the model that a server says it has, when the workspace knows one of that name."""

    async def ask() -> Response:
        async with Client(url) as client:
            return await client.request("GET", "/health/ready", timeout=_SECONDS)

    if workspace is None:
        return None
    try:
        name = asyncio.run(ask()).json()["model"]
    except (RemoteError, ValueError, KeyError, TypeError):
        return None
    return name if name in {each.model for each in models.list_models(workspace)} else None


def _meant(there: Sequence[releases.Environment], text: str) -> releases.Environment:
    """Return the environment of that name, or of `ENVIRONMENT-MODEL`, also with `-model` behind."""
    for each in there:
        spellings = (each.name, f"{each.name}-{each.model}", f"{each.name}-{each.model}-model")
        if text in spellings:
            return each
    other = next((each for each in there if text.startswith(f"{each.name}-")), None)
    if other is not None:
        raise NotFound(
            f"{other.name} answers with the model {other.model!r}, not with "
            f"{text.removeprefix(f'{other.name}-')!r}",
            hint=f"mlwright status {other.name}",
        )
    names = [each.name for each in there]
    raise NotFound(
        f"no environment is named {text!r}{did_you_mean(text, names)}",
        hint=f"known: {', '.join(names)}" if names else "give the URL, as http://127.0.0.1:8080",
    )


class Bundles:
    """The versions of one model, loaded when they have answered."""

    def __init__(self, workspace: Workspace | None, model: str | None) -> None:
        self._workspace = workspace
        self._model = model
        self._loaded: dict[int, Model] = {}

    def of(self, version: int) -> Model:
        """Return the model of a version.

        Raises:
            NotFound: the workspace does not know it.
        """
        if version not in self._loaded:
            name = str(self._model)
            plain = "/" not in name and ":" not in name and "@" not in name
            wanted = f"{name}:{version}" if plain and version else name
            self._loaded[version] = self._open(wanted).model()
        return self._loaded[version]

    def first(self) -> Bundle | None:
        """Return the bundle that MODEL means, or None where no model is known."""
        if self._model is None:
            return None
        return self._open(self._model)

    def _open(self, model: str) -> Bundle:
        space = self._workspace
        trust = Trust.of(space.settings.trust) if space else NOTHING
        return Bundle.open(models.resolve(space, model).bundle, trust=trust)


def rows_to_send(path: Path, signature: Signature | None) -> tuple[list[dict[str, Any]], int]:
    """Return up to 1,000 rows of a file as a server takes them, and how many do not fit the model.

    Raises:
        DataError: the file cannot be read, or holds no row that fits.
        SignatureError: columns are missing.
    """
    from mlwright.data import schema
    from mlwright.data.bad_rows import bad_rows
    from mlwright.data.read import read

    table = read(path).head(MOST_ROWS)
    if signature is None:
        return [_plain(row) for row in table.to_dicts()], 0
    bad = bad_rows(table, signature)["row"].unique().to_list()
    fitting = table.with_row_index("")  # no column of a table has an empty name
    fitting = fitting.filter(~fitting[""].is_in(bad)).drop("")
    if not fitting.height:
        raise DataError(f"no row of {path} fits the model", hint="mlwright predict says why")
    rows = schema.conform(fitting, signature, target=False).to_dicts()
    return [_plain(row) for row in rows], len(bad)


def requests_for(
    workspace: Workspace | None,
    endpoint: Endpoint,
    server: Server,
    *,
    test_data: Path | None = None,
    headers: Mapping[str, str] | None = None,
) -> list[bytes]:
    """Return the requests of a load: one row each, or a GET of the URL's own path.

    Raises:
        DataError: there are no rows to send, or the file does not fit.
    """
    bundle = Bundles(workspace, endpoint.model).first()
    headers = {**(headers or {}), **MARK}
    if test_data is not None:
        rows, _ = rows_to_send(test_data, bundle.signature if bundle else None)
    elif bundle is not None:
        rows = [dict(sample["features"]) for sample in bundle.samples]
    elif endpoint.path != PREDICT:
        return [server.request(endpoint.path, None, headers)]
    else:
        raise DataError(
            f"no model is known at {endpoint.url}, so there is nothing to send",
            hint="give --test-data FILE, or --model MODEL",
        )
    bodies = [json.dumps({"records": [row]}).encode() for row in rows]
    return [server.request(endpoint.path, body, headers) for body in bodies]


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row as JSON has it: a number that is none is null, a date is text."""
    return {
        name: None
        if isinstance(value, float) and value != value
        else value
        if isinstance(value, str | int | float | bool | None)
        else str(value)
        for name, value in row.items()
    }


def check_loopback(url: str, *, yes: bool) -> None:
    """Refuse to load a server that is not on this machine, unless the user says it is theirs.

    Raises:
        ConfigError: it is elsewhere, or has no address.
    """
    host = urlsplit(url).hostname or ""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as exc:
        raise ConfigError(f"{host!r} has no address: {exc.strerror}") from exc
    addresses = [ipaddress.ip_address(str(each[4][0]).partition("%")[0]) for each in found]
    if yes or all(address.is_loopback for address in addresses):
        return
    raise ConfigError(
        f"{host} is not this machine, and a load test is an attack on a server of others",
        hint="--yes, when that server is yours and it may be brought to its limits",
    )
