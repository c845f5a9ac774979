"""An index becomes what answers: for the command line, and in a worker."""

from __future__ import annotations

from pathlib import Path

from mlwright.bundle.bundle import Bundle
from mlwright.core.workspace import Workspace
from mlwright.serve.application import Application
from mlwright.serve.spec import WorkerSpec
from mlwright.track.models import ModelVersion

from . import config_answers
from .answer import Answerer
from .application import Parts, RagApplication
from .cache import key_of, open_cache
from .config import RagConfig
from .find import Finder
from .index import Index
from .prompts import Prompt
from .spend import Budget


def open_answerer(workspace: Workspace, index: Index, config: RagConfig | None = None) -> Answerer:
    """Return what answers from an index; `config` stands in place of the index's own.

    Raises:
        ConfigError: a key, a model's name or an address is missing.
        MissingExtra: the package of a back-end is not installed.
    """
    config = config or index.config
    limit = config.answers.budget_a_day
    finder = Finder.open(workspace, index, config.retrieval)
    return Answerer(
        finder,
        config.llm,
        config.answers,
        prompt=Prompt(index.prompt),
        embedder=finder.dense.embedder if finder.dense else None,
        budget=None if limit is None else Budget(workspace.folder / "rag" / "spend.db", limit),
        phrasings=config.retrieval.phrasings,
    )


def open_rag(spec: WorkerSpec, bundle: Bundle) -> Application:
    """Return the application of a RAG bundle, whose index lies in the bundle's workspace.

    Raises:
        NotFound: the index's files are gone.
    """
    workspace = Workspace.find(Path(spec.bundle))
    version = ModelVersion(spec.model, spec.version, Path(spec.bundle), None, 0.0)
    index = Index.of(workspace, version)
    config = index.config
    cache = _cache(config.cache, spec.options.get("caching"))
    return RagApplication(
        Parts(
            model=spec.model,
            version=spec.version,
            answerer=open_answerer(workspace, index),
            identity=key_of(bundle.hash),  # over the index, the prompt and every setting
            log_folder=Path(spec.log_folder),
            k=config.retrieval.k,
            api=config.api,
            cache=open_cache(cache, workspace.folder / "rag"),
        )
    )


def _cache(settings: config_answers.Cache, asked: str | None) -> config_answers.Cache:
    """Return the cache wanted: on disk, which all workers share, where none is named."""
    if asked == "off":
        return settings.model_copy(update={"type": "none"})
    if asked == "on" and settings.type == "none":
        return settings.model_copy(update={"type": "disk"})
    return settings
