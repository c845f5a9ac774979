"""Calls to a Weaviate: JSON over HTTP, tried again while it is busy, and GraphQL within it."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from typing import Any

import httpx

from mlwright.core.errors import RemoteError

from ..retries import CallFailed, tried
from .remote import refusal

_RETRIES = 5


class Absent(CallFailed):
    """There is nothing at that path, such as a class of that name."""


class Wire:
    """One server; `seconds` bounds a call with all its tries."""

    def __init__(self, client: httpx.Client, seconds: float) -> None:
        self._client, self._seconds = client, seconds
        self.close = weakref.finalize(self, client.close)

    def ask(self, query: str) -> dict[str, Any]:
        """Return the data that answer a GraphQL query.

        Raises:
            RemoteError: it was refused, or is not understood.
        """
        answer = self.call("POST", "/v1/graphql", {"query": query})
        if answer.get("errors"):
            reason = " ".join(str(answer["errors"][0].get("message")).split())
            raise RemoteError(f"weaviate did not understand a question: {reason[:300]}")
        return dict(answer["data"])

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Return what is answered.

        Raises:
            Absent: there is nothing at that path.
            RemoteError: it was refused, or did not come in time.
        """
        return tried(
            lambda left: self._once(method, path, body, left),
            retries=_RETRIES,
            seconds=self._seconds,
        )

    def put(self, objects: list[dict[str, Any]]) -> None:
        """Write objects; those that failed are tried again, without those that did not.

        Raises:
            CallFailed: some failed for good.
        """
        left = {each["id"]: each for each in objects}

        def once(seconds: float) -> None:
            body = {"objects": [*left.values()]}
            reasons = []
            for row in self._once("POST", "/v1/batch/objects", body, seconds):
                errors = ((row.get("result") or {}).get("errors") or {}).get("error") or []
                reasons += [str(each.get("message")) for each in errors]
                if not errors:
                    left.pop(str(row["id"]), None)
            if left:
                raise CallFailed(
                    f"weaviate took {len(objects) - len(left)} of {len(objects)} chunks"
                    + (f": {reasons[0][:300]}" if reasons else ""),
                    passing=True,
                    hint="run the command again; what was embedded is kept",
                )

        tried(once, retries=_RETRIES, seconds=self._seconds)

    def _once(self, method: str, path: str, body: Mapping[str, Any] | None, left: float) -> Any:
        try:
            answer = self._client.request(method, path, json=body, timeout=left)
        except httpx.HTTPError as exc:
            raise CallFailed(
                "weaviate could not be reached", passing=True, hint="check vector_db.url"
            ) from exc
        if answer.is_error:
            error = refusal("weaviate", answer.status_code, answer.text, answer.headers)
            if answer.status_code == 404:
                raise Absent(str(error), passing=False, hint=error.hint)
            raise error
        try:
            return answer.json() if answer.content else None
        except ValueError as exc:
            raise RemoteError(
                "weaviate did not answer in JSON", hint="check vector_db.url"
            ) from exc
