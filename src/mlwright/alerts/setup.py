"""Write channels into `mlwright.yaml`, and leave every other line of it as it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from mlwright.core.channels import Alerts
from mlwright.core.errors import ConfigError
from mlwright.core.files import write_atomic
from mlwright.core.settings import FILE, Settings, read_settings


@dataclass(frozen=True, slots=True)
class Plan:
    """What the file will hold, and the names of the channels that are new in it."""

    path: Path
    text: str
    added: tuple[str, ...]


def plan(root: Path, channels: Sequence[Mapping[str, Any]]) -> Plan:
    """Return the file with these channels added; one of the same name is replaced.

    Raises:
        ConfigError: the file or a channel is wrong, or the file cannot be changed safely.
    """
    path = root / FILE
    before = read_settings(root)
    try:
        new = Alerts.model_validate({"channels": list(channels)}).channels
    except ValidationError as exc:
        first = exc.errors()[0]
        message = first["msg"].removeprefix("Value error, ")
        place = next(part for part in reversed(first["loc"]) if isinstance(part, str))
        raise ConfigError(f"{place}: {message}") from None
    labels = {channel.label for channel in new}
    kept = [channel for channel in before.alerts.channels if channel.label not in labels]
    listed = [
        channel.model_dump(mode="json", exclude_defaults=True) | {"type": channel.type}
        for channel in (*kept, *new)
    ]
    text = path.read_text() if path.exists() else ""
    written = _placed(text, [_ordered(channel) for channel in listed])
    _same_but_for_channels(before, written, (*kept, *new))
    return Plan(path, written, tuple(channel.label for channel in new))


def write(made: Plan) -> None:
    """Write the file as it was planned."""
    write_atomic(made.path, made.text)


def _ordered(channel: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": channel["type"], **channel}


def _placed(text: str, channels: list[dict[str, Any]]) -> str:
    block = _lines(channels)
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    alerts = _pair(root, "alerts")
    if alerts is None:
        return f"{text.rstrip()}\n\nalerts:\n{block}".lstrip()
    inner = _pair(alerts[1], "channels")
    if inner is None:  # behind the key, before whatever else it holds
        end = text.index("\n", alerts[0].end_mark.index) + 1
        return text[:end] + block + text[end:]
    begin = text.rindex("\n", 0, inner[0].start_mark.index) + 1
    return text[:begin] + block + text[_end(text, inner[1]) :]


def _pair(node: yaml.Node | None, key: str) -> tuple[yaml.Node, yaml.Node] | None:
    pairs = node.value if isinstance(node, yaml.MappingNode) else ()
    return next(((name, value) for name, value in pairs if name.value == key), None)


def _end(text: str, node: yaml.Node) -> int:
    """Return the end of the last line of a value: its mark is past the comments behind it."""
    lines = text[: node.end_mark.index].splitlines(keepends=True)
    while lines and (not lines[-1].strip() or lines[-1].lstrip().startswith("#")):
        lines.pop()
    end = sum(map(len, lines))
    line = text.find("\n", end - 1 if end and text[end - 1] == "\n" else end)
    return len(text) if line < 0 else line + 1


def _lines(channels: list[dict[str, Any]]) -> str:
    flow = [
        yaml.safe_dump(channel, default_flow_style=True, sort_keys=False, width=10_000).strip()
        for channel in channels
    ]
    return "  channels:\n" + "".join(f"    - {line}\n" for line in flow)


def _same_but_for_channels(before: Settings, text: str, channels: Sequence[Any]) -> None:
    try:
        after = Settings.model_validate(yaml.safe_load(text))
    except (yaml.YAMLError, ValidationError):
        after = None
    wanted = before.model_copy(
        update={"alerts": before.alerts.model_copy(update={"channels": tuple(channels)})}
    )
    if after != wanted:
        raise ConfigError(
            f"{FILE} is written in a way that cannot be added to",
            hint="write alerts: and channels: as a list of lines there, and run the command again",
        )
