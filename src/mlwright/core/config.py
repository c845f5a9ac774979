"""Read a YAML file into a pydantic model; every complaint names file, line, column and key.

mlwright.yaml:3:3: environments.production.prot: unknown key; did you mean 'port'?
  3 |   prot: 8080
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from .errors import ConfigError, did_you_mean
from .secrets import reveal

__all__ = ["Secret", "Section", "load", "reveal"]

M = TypeVar("M", bound=BaseModel)
Keys = tuple[int | str, ...]

_MOST_BYTES = 1_000_000
_MOST_NODES = 100_000  # aliases are followed, so that a nest of them counts in full


class Section(BaseModel):
    """A part of the user's file: unknown keys are errors, values cannot change later."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _reference(text: str) -> str:
    if not text.startswith("env:") or not text[4:].isidentifier():
        raise ValueError("a secret is written as a reference, env:NAME, never in clear")
    return text


Secret = Annotated[str, AfterValidator(_reference)]
"""A reference to an environment variable, `env:NAME`; `reveal` reads it at the last moment."""


def load(path: Path, model: type[M]) -> M:
    """Read and check a YAML file.

    Raises:
        ConfigError: one line a complaint, all of them at once.
    """
    source = _Source(path, _read(path))
    root = source.compose()
    complaints = list(_repeated_keys(source, root))
    try:
        value = model.model_validate(_construct(source, root) if root else {})
    except ValidationError as exc:
        complaints += [_explain(source, root, model, error) for error in exc.errors()]
    else:
        if not complaints:
            return value
    raise ConfigError("\n".join(complaints), hint=f"mend {path.name} and run the command again")


def _read(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as exc:
        raise ConfigError(f"{path}: cannot be read: {exc.strerror}") from exc
    if len(data) > _MOST_BYTES:
        raise ConfigError(f"{path}: is larger than {_MOST_BYTES:,} bytes")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = data.count(b"\n", 0, exc.start) + 1
        raise ConfigError(f"{path}:{line}: is not UTF-8", hint="save the file as UTF-8") from None


@dataclass(frozen=True)
class _Source:
    path: Path
    text: str

    def compose(self) -> yaml.Node | None:
        try:
            return yaml.compose(self.text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as exc:
            folded = (exc.context or "").endswith("scanning a block scalar")
            hint = 'quote text that begins with >, as "> 3 features drifted"' if folded else ""
            text = self.at(exc.problem_mark, exc.problem or "is not YAML")
            raise ConfigError(text, hint=hint) from exc
        except yaml.YAMLError as exc:
            raise ConfigError(f"{self.path}: is not YAML: {exc}") from exc

    def at(self, mark: yaml.Mark | None, message: str) -> str:
        if mark is None:
            return f"{self.path}: {message}"
        lines = self.text.splitlines()
        line = lines[mark.line] if mark.line < len(lines) else ""
        where = f"{self.path}:{mark.line + 1}:{mark.column + 1}"
        return f"{where}: {message}\n  {mark.line + 1} | {line}"


def _construct(source: _Source, root: yaml.Node) -> Any:
    loader = yaml.SafeLoader("")
    try:
        return loader.construct_document(root)
    except yaml.MarkedYAMLError as exc:  # a tag that YAML or its writer made up, or a lone `=`
        raise ConfigError(source.at(exc.problem_mark, exc.problem or "cannot be read")) from exc
    except (ValueError, TypeError, OverflowError) as exc:  # a 31st of February, `!!int word`
        raise ConfigError(f"{source.path}: holds what YAML cannot read: {exc}") from exc
    finally:
        loader.dispose()


def _repeated_keys(source: _Source, root: yaml.Node | None) -> Iterator[str]:
    stack: list[tuple[yaml.Node, Keys]] = [(root, ())] if root else []
    seen_nodes = 0
    while stack:
        node, keys = stack.pop()
        seen_nodes += 1
        if seen_nodes > _MOST_NODES:
            raise ConfigError(f"{source.path}: holds more than {_MOST_NODES:,} values")
        if isinstance(node, yaml.SequenceNode):
            stack += [(item, (*keys, i)) for i, item in enumerate(node.value)]
        elif isinstance(node, yaml.MappingNode):
            first: dict[str, int] = {}
            for key, value in node.value:
                name = str(key.value)
                if name in first and name != "<<":
                    path = _dotted((*keys, name))
                    text = f"{path}: key given twice, first on line {first[name]}"
                    yield source.at(key.start_mark, text)
                first.setdefault(name, key.start_mark.line + 1)
                stack.append((value, (*keys, name)))


def _explain(source: _Source, root: yaml.Node | None, model: type[BaseModel], error: Any) -> str:
    within = error.get("ctx", {}).get("at", ())  # of a check that looks at several keys at once
    mark, keys = _locate(root, (*error["loc"], *within))
    last = str(error["loc"][-1]) if error["loc"] else ""
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        known = _known_keys(model, keys[:-1])
        message = "unknown key" + (did_you_mean(last, known) or f"; known: {', '.join(known)}")
    elif error["type"] == "missing":
        keys = (*keys, last)
        message = "is missing"
    return source.at(mark, f"{_dotted(keys) or 'the file'}: {message}")


def _dotted(keys: Keys) -> str:
    return ".".join(map(str, keys))


def _locate(root: yaml.Node | None, location: Keys) -> tuple[yaml.Mark | None, Keys]:
    """Return the mark of the deepest node on the way, and the way without union tags."""
    node, mark = root, root.start_mark if root else None
    keys: list[int | str] = []
    for part in location:
        step = _step(node, part)
        if step:
            mark, node = step
            keys.append(part)
    return mark, tuple(keys)


def _step(node: yaml.Node | None, part: int | str) -> tuple[yaml.Mark, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                return key.start_mark, value
    elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part].start_mark, node.value[part]
    return None


def _known_keys(model: type[BaseModel], keys: Keys) -> list[str]:
    models = [model]
    for key in keys:
        inner = [m.model_fields[key].annotation for m in models if key in m.model_fields]
        if inner:  # an index or a mapping's own key stays at the models inside
            models = [found for annotation in inner for found in _models_in(annotation)]
    return sorted({name for found in models for name in found.model_fields})


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    """Return every model that a value of this type can hold, through lists and unions."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [m for inner in getattr(annotation, "__args__", ()) for m in _models_in(inner)]
