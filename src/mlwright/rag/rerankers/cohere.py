"""Cohere's rerank models."""

from __future__ import annotations

import weakref
from collections.abc import Sequence

import cohere
import numpy as np
from cohere.core.api_error import ApiError

from mlwright.core.secrets import reveal

from ..config_finding import Rerank
from ..retries import CallFailed, refused, tried
from ..vectors import Vectors

_RETRIES = 2


def open_reranker(settings: Rerank) -> CohereReranker:
    """Open a model; its key is `api_key` or the variable COHERE_API_KEY.

    Raises:
        ConfigError: there is no key.
    """
    return CohereReranker(settings, reveal(settings.api_key or "env:COHERE_API_KEY"))


class CohereReranker:
    """One model, by the v2 protocol.

    `close` closes the connections, and is called when nobody has it any more.
    """

    def __init__(self, settings: Rerank, key: str) -> None:
        import httpx

        wire = httpx.Client()
        self.close = weakref.finalize(self, wire.close)
        self._model = settings.model or "rerank-v3.5"
        self._seconds = settings.timeout
        self._client = cohere.ClientV2(api_key=key, base_url=settings.url, httpx_client=wire)

    def score(self, query: str, texts: Sequence[str]) -> Vectors:
        """Return the relevance of each text, 0 to 1.

        Raises:
            RemoteError: it was refused, or did not come in time.
        """
        if not texts:
            return np.zeros(0, dtype=np.float32)
        found = np.zeros(len(texts), dtype=np.float32)
        for result in tried(
            lambda left: self._ask(query, texts, left), retries=_RETRIES, seconds=self._seconds
        ).results:
            found[result.index] = result.relevance_score
        return found

    def _ask(self, query: str, texts: Sequence[str], left: float) -> cohere.V2RerankResponse:
        import httpx

        options = {"timeout_in_seconds": max(1, int(left)), "max_retries": 0}
        try:
            return self._client.rerank(
                model=self._model,
                query=query,
                documents=list(texts),
                top_n=len(texts),
                request_options=options,  # type: ignore[arg-type]
            )
        except ApiError as exc:
            raise refused("cohere", exc.status_code or 0, str(exc.body), exc.headers) from exc
        except httpx.HTTPError as exc:
            raise CallFailed("cohere could not be reached", passing=True) from exc
