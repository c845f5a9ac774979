"""Anthropic's models."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import anthropic

from mlwright.core.secrets import reveal

from ..config_answers import Model
from ..records import LLM, Completion, Usage
from ..retries import CallFailed, refused, tried
from .wire import broken_off, completed, late, limited, unreadable

T = TypeVar("T")

_NAME = "anthropic"
_STOPS = {"end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length", "refusal": "refusal"}


def open_anthropic(settings: Model) -> LLM:
    """Return a model of Anthropic's; its key is `api_key` or the variable ANTHROPIC_API_KEY.

    Raises:
        ConfigError: there is no key.
    """
    return AnthropicModel(settings, reveal(settings.api_key or "env:ANTHROPIC_API_KEY"))


class AnthropicModel:
    """One model, by the messages protocol."""

    def __init__(self, settings: Model, key: str) -> None:
        self._settings = settings
        http = anthropic.DefaultHttpxClient(event_hooks=limited())
        self._client = anthropic.Anthropic(
            api_key=key, base_url=settings.url, max_retries=0, http_client=http
        )

    def complete(
        self, messages: Sequence[Mapping[str, str]], options: Mapping[str, Any]
    ) -> Completion:
        """Return the whole answer.

        Raises:
            CallFailed: it was refused, says nothing, or did not come in time.
        """
        body = self._body(messages, options)

        def call(left: float) -> Completion:
            found = self._client.messages.create(**body, timeout=left)
            text = "".join(block.text for block in found.content if block.type == "text")
            usage = Usage(found.usage.input_tokens, found.usage.output_tokens)
            stop = _STOPS.get(found.stop_reason or "", "stop")
            return completed(_NAME, text, usage, found.model, stop)

        return self._call(call)

    def stream(
        self, messages: Sequence[Mapping[str, str]], options: Mapping[str, Any]
    ) -> Iterator[str | Completion]:
        """Yield pieces of text, and last the Completion; only the beginning is tried again.

        Raises:
            CallFailed: it was refused, or broke off.
        """
        body = {**self._body(messages, options), "stream": True}
        events = self._call(lambda left: self._client.messages.create(**body, timeout=left))
        text: list[str] = []
        read = written = 0
        model, stop = self._settings.model, ""
        try:
            for event in events:
                if event.type == "message_start":
                    model, read = event.message.model, event.message.usage.input_tokens
                elif event.type == "content_block_delta" and event.delta.type == "text_delta":
                    text.append(event.delta.text)
                    yield event.delta.text
                elif event.type == "message_delta":
                    written = event.usage.output_tokens
                    stop = _STOPS.get(event.delta.stop_reason or "", "stop")
        except Exception as exc:  # what a server sends is a stranger's
            raise _failed(exc) from exc
        finally:
            events.close()
        if not stop:
            raise broken_off(_NAME)
        yield completed(_NAME, "".join(text), Usage(read, written), model, stop)

    def _body(
        self, messages: Sequence[Mapping[str, str]], options: Mapping[str, Any]
    ) -> dict[str, Any]:
        settings = self._settings
        system = "\n\n".join(each["content"] for each in messages if each["role"] == "system")
        body: dict[str, Any] = {
            "model": settings.model,
            "max_tokens": options.get("max_tokens", settings.max_tokens),
            "messages": [dict(each) for each in messages if each["role"] != "system"],
        }
        if system:
            body["system"] = system
        temperature = options.get("temperature", settings.temperature)
        if temperature is not None:  # the client has no parameter for it; the older models have
            body["extra_body"] = {"temperature": min(1.0, temperature)}
        return body

    def _call(self, call: Callable[[float], T]) -> T:
        def translated(left: float) -> T:
            try:
                return call(left)
            except Exception as exc:
                raise _failed(exc) from exc

        return tried(translated, retries=self._settings.retries, seconds=self._settings.timeout)


def _failed(exc: Exception) -> CallFailed:
    if isinstance(exc, CallFailed):
        return exc
    if isinstance(exc, anthropic.APIStatusError):
        return refused(_NAME, exc.status_code, exc.message, exc.response.headers)
    if isinstance(exc, anthropic.APITimeoutError):
        return late(_NAME)
    if isinstance(exc, anthropic.APIConnectionError):
        return CallFailed(f"{_NAME} cannot be reached", passing=True)
    return unreadable(_NAME, exc)
