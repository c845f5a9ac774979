"""Test an endpoint from outside: health, schema, predictions equal to the bundle's, latency."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlwright.core.errors import MlwrightError, RemoteError
from mlwright.core.signature import Signature
from mlwright.core.workspace import Workspace
from mlwright.deploy.endpoint import MARK, Bundles, Endpoint, rows_to_send
from mlwright.deploy.smoke import agrees
from mlwright.serve.client import Client, Response
from mlwright.stats.latency import Latencies

_ROWS_A_REQUEST = 100
_TIMED = 200
_TIMED_SECONDS = 10.0
_LISTED = 5
_WRONG: Mapping[str, Any] = {"number": "text", "category": 1.5, "text": 1.5, "boolean": "text"}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at; `passed` is None where it could not be."""

    name: str
    passed: bool | None
    detail: str

    def to_json(self) -> dict[str, Any]:
        """Return the check as a JSON object."""
        return {"check": self.name, "passed": self.passed, "detail": self.detail}


@dataclass(frozen=True, slots=True)
class Probe:
    """What the test of an endpoint found."""

    endpoint: Endpoint
    checks: tuple[Check, ...]
    rows: int
    versions: tuple[int, ...]
    latency: Latencies

    @property
    def failed(self) -> tuple[Check, ...]:
        """Return the checks that say no."""
        return tuple(check for check in self.checks if check.passed is False)

    @property
    def unchecked(self) -> tuple[Check, ...]:
        """Return the checks that could not be made."""
        return tuple(check for check in self.checks if check.passed is None)

    def to_json(self) -> dict[str, Any]:
        """Return the documented keys."""
        return {
            "url": self.endpoint.url,
            "environment": self.endpoint.environment,
            "model": self.endpoint.model,
            "versions": list(self.versions),
            "passed": not self.failed,
            "complete": not self.unchecked,
            "checks": [check.to_json() for check in self.checks],
            "rows": self.rows,
            "latency_ms": self.latency.to_json(),
        }


def probe(
    workspace: Workspace | None,
    endpoint: Endpoint,
    *,
    test_data: Path | None = None,
    headers: Mapping[str, str] | None = None,
    slowest: Mapping[float, float] | None = None,
) -> Probe:
    """Look at the endpoint's health, at what it takes and refuses, its answers and latency.

    Args:
        workspace: where the bundle of the version that answers is looked up.
        endpoint: what is tested.
        test_data: rows to send, by default the bundle's samples.
        headers: what to send with each request, such as an API key.
        slowest: percentile -> seconds that it may take at most.

    Raises:
        DataError: the test data cannot be read, or does not fit the model.
        NotFound: the model is not in the workspace.
    """
    bundles = Bundles(workspace, endpoint.model)
    bundle = bundles.first()
    signature = bundle.signature if bundle else None
    left_out = 0
    if test_data is not None:
        rows, left_out = rows_to_send(test_data, signature)
    else:
        rows = [dict(sample["features"]) for sample in bundle.samples] if bundle else []
    return asyncio.run(
        _Prober(endpoint, bundles, signature, rows, left_out, {**(headers or {}), **MARK}).run(
            slowest or {}
        )
    )


class _Prober:
    def __init__(
        self,
        endpoint: Endpoint,
        bundles: Bundles,
        signature: Signature | None,
        rows: Sequence[dict[str, Any]],
        left_out: int,
        headers: Mapping[str, str],
    ) -> None:
        self._endpoint = endpoint
        self._bundles = bundles
        self._signature = signature
        self._rows = rows
        self._left_out = left_out
        self._headers = headers
        self._latency = Latencies()
        self._versions: set[int] = set()

    async def run(self, slowest: Mapping[float, float]) -> Probe:
        async with Client(self._endpoint.url) as client:
            self._client = client
            checks = [await self._checked("health", self._health)]
            if checks[0].passed:
                checks.append(await self._checked("schema", self._schema))
                checks.append(await self._checked("parity", self._parity))
                checks.append(await self._checked("latency", lambda: self._timed(slowest)))
        versions = tuple(sorted(self._versions))
        return Probe(self._endpoint, tuple(checks), len(self._rows), versions, self._latency)

    async def _checked(self, name: str, check: Any) -> Check:
        try:
            passed, detail = await check()
        except RemoteError as exc:
            passed, detail = False, str(exc)
        return Check(name, passed, detail)

    async def _health(self) -> tuple[bool, str]:
        for path in ("/health/live", "/health/ready"):
            answer = await self._client.request("GET", path, headers=self._headers)
            if answer.status != 200:
                return False, f"{path} is answered with HTTP {answer.status}"
        return True, "live and ready"

    async def _schema(self) -> tuple[bool | None, str]:
        """Compare the columns that it names, and see that it refuses what does not fit."""
        if not self._rows or self._signature is None:
            return None, "no model is known whose columns it should take: name it with --model"
        answer = await self._send([self._rows[0]])
        if answer.status != 200:
            return False, f"a row that fits is answered with HTTP {answer.status}{_why(answer)}"
        wrong = [*await self._described(), *await self._accepted()]
        if wrong:
            return False, "; ".join(wrong[:_LISTED])
        return True, f"{len(self._signature.inputs)} columns; what does not fit is refused"

    async def _described(self) -> list[str]:
        assert self._signature is not None  # noqa: S101
        answer = await self._client.request("GET", "/openapi.json", headers=self._headers)
        if answer.status != 200:
            return []
        try:
            named = set(answer.json()["components"]["schemas"]["Row"]["properties"])
        except (ValueError, KeyError, TypeError):
            return ["its OpenAPI document does not describe a row"]
        wanted = set(self._signature.names)
        return [f"it does not name the column {name!r}" for name in sorted(wanted - named)] + [
            f"it names a column {name!r} that the model does not have"
            for name in sorted(named - wanted)
        ]

    async def _accepted(self) -> list[str]:
        """Return which rows that do not fit it takes all the same."""
        assert self._signature is not None  # noqa: S101
        found = []
        for column in self._signature.inputs:
            name = column.name
            without = {key: value for key, value in self._rows[0].items() if key != name}
            for row, what in (
                (without, f"it takes a row without {name!r}"),
                ({**without, name: _WRONG[column.kind]}, f"it takes another type in {name!r}"),
            ):
                answer = await self._send([row])
                if answer.status == 200:
                    found.append(what)
                elif answer.status >= 500:
                    found.append(f"HTTP {answer.status} instead of a refusal for {name!r}")
        return found

    async def _parity(self) -> tuple[bool | None, str]:
        if self._signature is None or not self._rows:
            return None, "no model is known to compare with: name it with --model"
        wrong: list[int] = []
        for start in range(0, len(self._rows), _ROWS_A_REQUEST):
            some = self._rows[start : start + _ROWS_A_REQUEST]
            answer = await self._send(some)
            if answer.status != 200:
                place = f"rows {start + 1:,} to {start + len(some):,}"
                return False, f"{place}: HTTP {answer.status}{_why(answer)}"
            try:
                wrong += [start + place for place in self._differing(some, answer)]
            except (ValueError, KeyError, TypeError):
                return False, "the answer cannot be read"
        count = f"{len(self._rows):,} rows"
        aside = f"; {self._left_out:,} more do not fit the model" if self._left_out else ""
        if wrong:
            first = f"the first is row {wrong[0] + 1:,}"
            return False, f"{len(wrong):,} of {count} differ, {first}{aside}"
        return True, f"{count} equal{aside}"

    def _differing(self, rows: Sequence[dict[str, Any]], answer: Response) -> list[int]:
        """Return the places of the rows whose answer is not the bundle's of that version."""
        answers = answer.json()["predictions"]
        if len(answers) != len(rows):
            raise ValueError
        versions = {int(each["model_version"]) for each in answers}
        self._versions |= versions
        wrong = []
        for version in versions:
            model = self._bundles.of(version)
            predicted = model.predict_rows(rows)
            scores = predicted.scores.tolist()
            for place, each in enumerate(answers):
                sample = {"prediction": predicted.prediction[place], "score": scores[place]}
                if each["model_version"] == version and not agrees(model.signature, sample, each):
                    wrong.append(place)
        return sorted(wrong)

    async def _timed(self, slowest: Mapping[float, float]) -> tuple[bool | None, str]:
        if not self._rows:
            return None, "there is no row to send: give --test-data"
        failed, started = 0, time.monotonic()
        for place in range(_TIMED):
            if time.monotonic() - started > _TIMED_SECONDS:
                break
            row = self._rows[place % len(self._rows)]
            sent = time.perf_counter()
            answer = await self._send([row])
            self._latency.add(time.perf_counter() - sent)
            failed += answer.status != 200
        known = self._latency.to_json()
        shown = ", ".join(f"{name} {known[name]:g} ms" for name in ("p50", "p95", "p99"))
        over = [
            f"p{percent:g} is above {1000 * limit:g} ms"
            for percent, limit in slowest.items()
            if self._latency.percentile(percent) > limit
        ]
        if failed:
            over.append(f"{failed} failed")
        sent_word = f"{self._latency.count} requests of one row, one after another"
        return not over, "; ".join([*over, f"{shown} ({sent_word})"])

    async def _send(self, rows: Sequence[Mapping[str, Any]]) -> Response:
        body = json.dumps({"records": rows}).encode()
        return await self._client.request("POST", self._endpoint.path, body, self._headers)


def _why(answer: Response) -> str:
    """Return the reason that a refusal gives, as far as it can be read."""
    try:
        return f": {answer.json()['error']['reason']}"[:200]
    except (ValueError, KeyError, TypeError, MlwrightError):
        return ""
