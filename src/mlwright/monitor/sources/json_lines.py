"""JSON lines as others write them: lines that cannot be read are counted, never an end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl

_SUFFIXES = (".jsonl", ".ndjson", ".json", ".log")


def json_files(path: Path) -> list[Path]:
    """Return the files of JSON lines: this one, or those of a folder that holds nothing else."""
    if path.is_dir():
        files = sorted(p for p in path.iterdir() if p.is_file() and not p.name.startswith("."))
        wanted = [file for file in files if file.suffix in _SUFFIXES]
        return wanted if len(wanted) == len(files) else []
    return [path] if path.suffix in _SUFFIXES and path.exists() else []


def read_json_lines(path: Path) -> tuple[pl.DataFrame, int]:
    """Return a file's rows, features in a group unpacked, and how many lines are no JSON object."""
    text = path.read_bytes()
    if not text.strip():
        return pl.DataFrame(), 0
    try:
        table = pl.read_ndjson(text, infer_schema_length=None)
        bad = 0
    except pl.exceptions.PolarsError:
        lines = [line for line in text.splitlines() if line.strip()]
        rows = [row for line in lines if (row := _object(line)) is not None]
        table = pl.DataFrame(_uniform(rows), infer_schema_length=None) if rows else pl.DataFrame()
        bad = len(lines) - len(rows)
    for name in ("features", "inputs"):
        if name in table.columns and isinstance(table.schema[name], pl.Struct):
            table = table.drop(name).hstack(table[name].struct.unnest())
    return table, bad


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _uniform(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Return the rows as columns of one type each; what differs is text."""
    flat = [
        {**{k: v for k, v in row.items() if k != "features"}, **row["features"]}
        if isinstance(row.get("features"), dict)
        else row
        for row in rows
    ]
    names = dict.fromkeys(name for row in flat for name in row)
    columns: dict[str, list[Any]] = {}
    for name in names:
        values = [row.get(name) for row in flat]
        kinds = {type(value) for value in values if value is not None}
        numeric = kinds <= {int, float}
        if len(kinds) > 1 and not numeric:
            values = [None if v is None else str(v) for v in values]
        elif numeric:
            values = [None if v is None else float(v) for v in values]
        columns[name] = values
    return columns
