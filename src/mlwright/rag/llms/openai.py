"""OpenAI, and every server that speaks its protocol: Ollama, vLLM, llama.cpp."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import openai

from mlwright.core.errors import ConfigError
from mlwright.core.secrets import reveal

from ..config_answers import Model
from ..records import LLM, Completion, Usage
from ..retries import CallFailed, refused, tried
from .wire import broken_off, completed, late, limited, unreadable

T = TypeVar("T")

_STOPS = {"stop": "stop", "length": "length", "content_filter": "refusal"}


def open_openai(settings: Model) -> LLM:
    """Return a model of OpenAI's; its key is `api_key` or the variable OPENAI_API_KEY.

    Raises:
        ConfigError: there is no key.
    """
    return OpenAIModel(settings, "openai", reveal(settings.api_key or "env:OPENAI_API_KEY"))


def open_compatible(settings: Model) -> LLM:
    """Return a model behind `url`; many such servers ask for no key.

    Raises:
        ConfigError: no url, or the key's variable is not set.
    """
    if not settings.url:
        raise ConfigError(
            "llm.url: is missing",
            hint="the address of the server, such as http://127.0.0.1:11434/v1 for Ollama",
        )
    key = reveal(settings.api_key) if settings.api_key else "none"
    return OpenAIModel(settings, "openai_compatible", key)


class OpenAIModel:
    """One model, by the chat completions protocol."""

    def __init__(self, settings: Model, name: str, key: str) -> None:
        self._settings = settings
        self._name = name
        url = settings.url or os.environ.get("OPENAI_BASE_URL")
        http = openai.DefaultHttpxClient(event_hooks=limited())
        self._client = openai.OpenAI(api_key=key, base_url=url, max_retries=0, http_client=http)

    def complete(
        self, messages: Sequence[Mapping[str, str]], options: Mapping[str, Any]
    ) -> Completion:
        """Return the whole answer.

        Raises:
            CallFailed: it was refused, says nothing, or did not come in time.
        """
        body = self._body(messages, options)
        return self._call(lambda left: self._read(self._create(left, **body)))

    def stream(
        self, messages: Sequence[Mapping[str, str]], options: Mapping[str, Any]
    ) -> Iterator[str | Completion]:
        """Yield pieces of text, and last the Completion; only the beginning is tried again.

        Raises:
            CallFailed: it was refused, or broke off.
        """
        body = self._body(messages, options)
        asked = {"stream": True, "stream_options": {"include_usage": True}}
        events = self._call(lambda left: self._create(left, **body, **asked))
        text, usage, model, stop = [], Usage(), self._settings.model, ""
        try:
            for event in events:
                usage, model = _usage(event, usage), event.model or model
                for choice in event.choices:
                    if choice.finish_reason:
                        stop = _STOPS.get(choice.finish_reason, "stop")
                    if choice.delta.content:
                        text.append(choice.delta.content)
                        yield choice.delta.content
        except Exception as exc:  # what a server sends is a stranger's
            raise self._failed(exc) from exc
        finally:
            events.close()
        if not stop:
            raise broken_off(self._name)
        yield completed(self._name, "".join(text), usage, model, stop)

    def _body(
        self, messages: Sequence[Mapping[str, str]], options: Mapping[str, Any]
    ) -> dict[str, Any]:
        settings = self._settings
        # OpenAI took the old name from its newer models; other servers know the old one alone.
        limit = "max_completion_tokens" if self._name == "openai" else "max_tokens"
        body: dict[str, Any] = {
            "model": settings.model,
            "messages": [dict(message) for message in messages],
            limit: options.get("max_tokens", settings.max_tokens),
        }
        temperature = options.get("temperature", settings.temperature)
        return body if temperature is None else {**body, "temperature": temperature}

    def _read(self, found: Any) -> Completion:
        choice = found.choices[0]
        stop = _STOPS.get(choice.finish_reason or "stop", "stop")
        text = choice.message.content or ""
        return completed(self._name, text, _usage(found), found.model or self._settings.model, stop)

    def _create(self, left: float, **body: Any) -> Any:
        return self._client.chat.completions.create(**body, timeout=left)

    def _call(self, call: Callable[[float], T]) -> T:
        def translated(left: float) -> T:
            try:
                return call(left)
            except Exception as exc:
                raise self._failed(exc) from exc

        return tried(translated, retries=self._settings.retries, seconds=self._settings.timeout)

    def _failed(self, exc: Exception) -> CallFailed:
        if isinstance(exc, CallFailed):
            return exc
        if isinstance(exc, openai.APIStatusError):
            return refused(self._name, exc.status_code, exc.message, exc.response.headers)
        if isinstance(exc, openai.APITimeoutError):
            return late(self._name)
        if isinstance(exc, openai.APIConnectionError):
            return CallFailed(
                f"{self._name} cannot be reached", passing=True, hint="is its server running?"
            )
        if isinstance(exc, openai.APIError):  # an event of a stream that tells of a failure
            return CallFailed(f"{self._name} failed: {exc.message[:300]}", passing=True)
        return unreadable(self._name, exc)


def _usage(found: Any, before: Usage | None = None) -> Usage:
    usage = getattr(found, "usage", None)
    if usage is None:
        return before or Usage()
    return Usage(usage.prompt_tokens or 0, usage.completion_tokens or 0)
