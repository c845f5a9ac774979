"""The OpenAPI 3.1 document of a server, made from the model's signature and its contracts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from mlwright.bundle import schema

from .described import Described, Schema, Subject, media, operation

VERSION = "3.1.0"
_SINGLE = {"type": ["number", "string", "boolean", "null"]}


def document(subject: Subject, contracts: Sequence[Described]) -> Schema:
    """Return the document; where two contracts have a path in common, the earlier one has it."""
    operations: dict[tuple[str, str], Schema] = {}
    for contract in reversed(contracts):
        operations |= contract.paths()
    paths: dict[str, dict[str, Any]] = {}
    for (method, path), described in {**operations, **_health()}.items():
        paths.setdefault(quote(path, safe="/:@!$&'()*+,;=~"), {})[method.lower()] = described
    return {
        "openapi": VERSION,
        "info": {
            "title": subject.model,
            "version": str(subject.version),
            "description": _about(subject),
        },
        "paths": dict(sorted(paths.items(), key=_place)),
        "components": {
            "schemas": {"Row": {**schema.row(subject.signature), "additionalProperties": _SINGLE}},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "key": {"type": "apiKey", "in": "header", "name": "X-Api-Key"},
            },
        },
        "security": [{}, {"bearer": []}, {"key": []}],
    }


def _about(subject: Subject) -> str:
    signature = subject.signature
    return f"Predicts {signature.target} ({signature.task}) from {len(signature.names)} columns."


def _health() -> dict[tuple[str, str], Schema]:
    gives = {"application/json": media({"type": "object"})}
    words = {"live": "Whether the server lives", "ready": "Whether the server is ready"}
    return {
        ("GET", f"/health/{name}"): operation(text, tag="plain", gives=gives)
        for name, text in words.items()
    }


def _place(item: tuple[str, dict[str, Any]]) -> tuple[bool, bool, str]:
    """Put our own route first, and those that predict before those that tell."""
    path, methods = item
    return path != "/predict", "post" not in methods, path
