"""What a RAG configuration may say: the seed's keys, at top level or under `rag:`.

Every key has a default, so that the file may be left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BeforeValidator, Field, ValidationError, model_validator

from mlwright.core.config import Section, load
from mlwright.core.errors import ConfigError
from mlwright.core.settings import FILE, Settings

from .config_answers import Answers, Api, Cache, Llm
from .config_finding import Embedding, Retrieval, VectorDB, telling

S = TypeVar("S", bound=Section)


def _as_path(value: Any) -> Any:
    """Read `documents: ./docs` as `documents: {path: ./docs}`."""
    return {"path": value} if isinstance(value, str | Path) else value


class Documents(Section):
    """Where documents come from, and what is known of them besides their text.

    `path` is a file or a folder; a folder that holds `corpus.jsonl` is read in BEIR's layout.
    `urls` are fetched when they begin with an entry of `allow`. `metadata` is a pattern over the
    path below the folder: `{category}/{year}-{name}.pdf` makes three fields of it.
    """

    path: Path | None = None
    urls: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    metadata: str | None = None
    max_bytes: Annotated[int, Field(gt=0)] = 100_000_000
    timeout: Annotated[float, Field(gt=0)] = 60.0


class Chunking(Section):
    """How documents are cut. `context` puts title and headings before what is embedded."""

    strategy: str = "recursive"
    size: Annotated[int, Field(ge=16)] = 1000
    overlap: Annotated[int, Field(ge=0)] = 200
    unit: Literal["characters", "tokens"] = "characters"
    context: bool = True

    @model_validator(mode="before")
    @classmethod
    def _a_fifth(cls, value: Any) -> Any:
        """Let the overlap follow a size that is given alone."""
        if isinstance(value, Mapping) and isinstance(value.get("size"), int):
            return {"overlap": value["size"] // 5, **value}
        return value

    @model_validator(mode="after")
    def _smaller(self) -> Chunking:
        if self.overlap * 2 > self.size:
            raise ValueError(f"overlap {self.overlap} is more than half of size {self.size}")
        return self


class RagConfig(Section):
    """The whole configuration of one index and of what answers from it.

    `keep_versions` is how many of its newest versions keep their content, besides those that are
    deployed, ran before, or have an alias.
    """

    name: str | None = None
    keep_versions: Annotated[int, Field(ge=1)] = 3
    documents: Annotated[Documents, BeforeValidator(_as_path)] = Documents()
    chunking: Chunking = Chunking()
    vector_db: VectorDB = VectorDB()
    embedding: Embedding = Embedding()
    retrieval: Retrieval = Retrieval()
    llm: Llm = Llm()
    answers: Answers = Answers()
    cache: Cache = Cache()
    api: Api = Api()


class _Nested(Settings):
    rag: RagConfig = RagConfig()


def read_config(path: Path | None) -> RagConfig:
    """Read a configuration; without a path the `rag:` of this folder's mlwright.yaml, or defaults.

    Paths in it are relative to its folder.

    Raises:
        ConfigError: with every complaint at once.
    """
    if path is None:
        path = Path.cwd() / FILE
        if not _is_nested(path):
            return named(RagConfig(), Path.cwd())
    found = load(path, _Nested).rag if _is_nested(path) else load(path, RagConfig)
    folder = path.resolve().parent
    return named(_located(found, folder), folder)


def changed(config: RagConfig, **sections: Mapping[str, Any]) -> RagConfig:
    """Return the configuration with what flags said; what is None is left alone.

    >>> changed(RagConfig(), chunking={"size": 500, "overlap": None}).chunking.size
    500
    """
    value = config.model_dump(exclude_unset=True)
    for name, said in sections.items():
        kept = {key: choice for key, choice in said.items() if choice is not None}
        if name == "embedding" and "model" in kept and "provider" not in kept:
            value.get(name, {}).pop("provider", None) if telling(kept["model"]) else None
        value[name] = {**value.get(name, {}), **kept}
    try:
        return RagConfig.model_validate(value)
    except ValidationError as exc:
        first = exc.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ConfigError(f"{where}: {first['msg'].removeprefix('Value error, ')}") from exc


def named(config: RagConfig, folder: Path) -> RagConfig:
    """Return the configuration with a name, by default that of the folder."""
    if config.name:
        return config
    made = re.sub(r"[^A-Za-z0-9_.-]+", "-", folder.resolve().name).strip("-._")[:64]
    return config.model_copy(update={"name": made or "kb"})


def _located(section: S, folder: Path) -> S:
    """Return the section with its relative paths, however deep, put below the folder."""
    found: dict[str, Any] = {}
    for name in section.model_fields_set:
        value = getattr(section, name)
        if isinstance(value, Path):
            found[name] = folder / value
        elif isinstance(value, Section):
            found[name] = _located(value, folder)
    return section.model_copy(update=found)


def _is_nested(path: Path) -> bool:
    try:
        value = yaml.safe_load(path.read_text("utf-8-sig"))
    except (OSError, ValueError, yaml.YAMLError):
        return False  # `load` says what is wrong with it
    return isinstance(value, dict) and "rag" in value
