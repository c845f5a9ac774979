"""Question answering as the server hosts it: keys, queue, log and routing are the server's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from mlwright.core import clock
from mlwright.core.errors import MlwrightError, RemoteError
from mlwright.predictions.lines import Measure
from mlwright.predictions.lines import line as measure_line
from mlwright.predictions.measures import STEM as MEASURES
from mlwright.predictions.queries import Feedback, line
from mlwright.predictions.segment import Segment
from mlwright.serve.answers import Answer as Sent
from mlwright.serve.answers import Part, Refused, ok
from mlwright.serve.application import Call, Count, Door, Reply, Work
from mlwright.serve.complaints import complain
from mlwright.serve.metrics import label

from . import chat, described
from .answer import Answerer, Question
from .bodies import ChatBody, FeedbackBody, QueryBody, conversation, question, read
from .bridge import Bridge
from .cache import Cache, key_of
from .chat_page import chat_page
from .config_answers import Api
from .counted import counted, emptiness, logged, spending
from .limits import RateLimit
from .records import Answer
from .replies import Piece, allowing, caller, chunks, events, refused, shared, timed
from .shown import packed, shown, shown_hit, unpacked

FEEDBACK = "feedback"
_STREAM = b"text/event-stream; charset=utf-8"
_UNCACHED = ((b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no"))


@dataclass(frozen=True, slots=True)
class Parts:
    """What an application is made of.

    `identity` is all that an answer depends on besides its question: index, prompt, settings.
    """

    model: str
    version: int
    answerer: Answerer
    identity: str
    log_folder: Path
    k: int = 5
    api: Api = field(default_factory=Api)
    cache: Cache | None = None


class RagApplication:
    """Answers over HTTP from one version of an index."""

    def __init__(self, parts: Parts) -> None:
        self.model = parts.model
        self.version = parts.version
        self._parts = parts
        self._answerer = parts.answerer
        self._cache = parts.cache
        self._pool = ThreadPoolExecutor(parts.api.threads, "mlwright-rag")
        limit = parts.api.rate_limit
        self._limit = None if limit is None else RateLimit(limit)
        self._measures = Segment(parts.log_folder, MEASURES)

    def doors(self) -> Mapping[tuple[str, str], Door]:
        """Return the routes; with allowed origins, also what a browser asks before them."""
        document, page = described.pages(self.model, self.version)
        now = clock.now()
        models = ok(chat.models(self.model, self.version, now))
        posts: dict[str, Door] = {
            "/query": Door(self._routed(self._query)),
            "/retrieve": Door(self._routed(self._retrieve)),
            "/v1/chat/completions": Door(self._routed(self._chat), chat.refusal),
            "/feedback": Door(self._routed(self._feedback)),
        }
        found: dict[tuple[str, str], Door] = {("POST", path): door for path, door in posts.items()}
        # Pages are open, as a browser has no key before it shows one: they hold nothing of the
        # documents, and their scripts send a key with what they ask.
        chat_ = chat_page(f"{self.model}:{self.version}")
        for path, sent in {"/openapi.json": document, "/docs": page, "/": chat_}.items():
            found[("GET", path)] = Door(partial(_same, sent), health="live")
        found[("GET", "/v1/models")] = Door(lambda _: models, chat.refusal)
        if self._parts.api.cors_origins:
            for path in posts:  # a browser asks this without a key
                found[("OPTIONS", path)] = Door(self._preflight, health="live", local=True)
        return found

    def warm(self) -> None:
        """Find something, so that what is loaded late is loaded now."""
        self._answerer.warm()

    def work(self, jobs: Sequence[tuple[Call, Work]]) -> list[Reply | Refused]:
        """Refuse: there are no rows here."""
        return [Refused(404, "not_found", "there are no rows to predict here") for _ in jobs]

    # Routes. What they return is a Reply, or something to await.

    def _routed(self, route: Callable[[Call], Any]) -> Callable[[Call], Any]:
        def routed(call: Call) -> Any:
            if self._limit is not None:
                self._limit.enter(caller(call))
            found = route(call)
            origin = call.headers.get(b"origin", b"")
            if origin.decode("latin-1") not in self._parts.api.cors_origins:
                return found
            return shared(found, origin)

        return routed

    def _query(self, call: Call) -> Reply | Awaitable[Reply]:
        body = read(call, QueryBody)
        asked = question(body, self._parts.k)
        whole = partial(self._whole, call, asked)
        pieces = partial(events, request_id=call.request_id, version=self.version)
        return self._answered(call, asked, body.stream, whole, pieces)

    def _chat(self, call: Call) -> Reply | Awaitable[Reply]:
        body = read(call, ChatBody)
        asked = conversation(body, self._parts.k, self._answerer.llm.max_tokens)
        about: dict[str, Any] = {
            "name": self.model,
            "request_id": call.request_id,
            "now": clock.now(),
        }

        def whole(answer: Answer) -> Reply:
            return self._reply(call, asked, answer, ok(chat.completion(answer, **about)))

        usage = bool((body.stream_options or {}).get("include_usage"))
        pieces = partial(chunks, about=about, usage=usage)
        return self._answered(call, asked, body.stream, whole, pieces)

    async def _retrieve(self, call: Call) -> Reply:
        asked = question(read(call, QueryBody), self._parts.k)
        answer: Answer = await self._threaded(self._answerer.retrieved, asked)
        body = {
            "hits": [shown_hit(hit) for hit in answer.hits],
            "timings_ms": dict(answer.timings_ms),
            "request_id": call.request_id,
            "version": self.version,
        }
        lines = [self._line(call, asked, answer, "retrieval")]
        return Reply(ok(body), lines, emptiness(answer.hits) + spending(answer))

    async def _feedback(self, call: Call) -> Reply:
        body = read(call, FeedbackBody)
        now = clock.now()
        measure = measure_line(Measure(now, body.request_id, FEEDBACK, body.score))
        try:
            self._measures.append([measure])
        except RemoteError:
            raise Refused(503, "log", "the feedback cannot be written") from None
        sign = "good" if body.score > 0 else "bad" if body.score < 0 else "neutral"
        kept = line(Feedback(now, body.request_id, body.score, body.comment))
        counts: list[Count] = [("feedback_total", label("sign", sign), 1)]
        return Reply(ok({"kept": True, "request_id": call.request_id}), [kept], counts)

    def _preflight(self, call: Call) -> Sent:
        origin = call.headers.get(b"origin", b"")
        if origin.decode("latin-1") not in self._parts.api.cors_origins:
            return Sent(403, b"", kind="cors")
        return Sent(
            204,
            b"",
            (
                *allowing(origin),
                (b"access-control-allow-methods", b"POST"),
                (b"access-control-allow-headers", b"authorization, content-type, x-api-key"),
                (b"access-control-max-age", b"600"),
            ),
        )

    # Answers, from the cache or made in a thread.

    def _answered(
        self,
        call: Call,
        asked: Question,
        stream: bool,
        whole: Callable[[Answer], Reply],
        pieces: Callable[[Piece], bytes],
    ) -> Reply | Awaitable[Reply]:
        key = self._key(call, asked)
        kept = None if self._cache is None else self._cache.get(key)
        if kept is not None:
            answer = timed(unpacked(kept), call)
            if not stream:
                return whole(answer)
            return self._streaming(call, asked, key, pieces, [answer.text, answer])
        if stream:
            return self._streamed(call, asked, key, pieces)
        return self._made(asked, key, whole)

    async def _made(self, asked: Question, key: str, whole: Callable[[Answer], Reply]) -> Reply:
        answer = await self._threaded(self._answerer.ask, asked)
        self._keep(key, answer)
        return whole(answer)

    async def _streamed(
        self, call: Call, asked: Question, key: str, pieces: Callable[[Piece], bytes]
    ) -> Reply:
        bridge: Bridge[str | Answer] = Bridge(self._pool, lambda: self._answerer.stream(asked))
        made = bridge.pieces()
        try:
            first = await anext(made)  # what fails before it is answered with a status
        except MlwrightError as exc:
            raise refused(exc) from None
        return self._streaming(call, asked, key, pieces, [first], made)

    def _streaming(
        self,
        call: Call,
        asked: Question,
        key: str,
        pieces: Callable[[Piece], bytes],
        begun: Sequence[str | Answer],
        rest: AsyncIterator[str | Answer] | None = None,
    ) -> Reply:
        async def parts() -> AsyncIterator[Part]:
            try:
                for piece in begun:
                    yield part(piece)
                if rest is not None:
                    async for piece in rest:
                        yield part(piece)
            except MlwrightError as exc:
                complain("answer", f"an answer broke off: {exc}")
                yield Part(pieces(refused(exc)), (), [("broken_answers_total", "", 1)])

        def part(piece: str | Answer) -> Part:
            if isinstance(piece, str):
                return Part(pieces(piece))
            self._keep(key, piece)
            line = self._line(call, asked, piece, piece.kind)
            return Part(pieces(piece), [line], counted(piece))

        return Reply(Sent(200, b"", _UNCACHED, _STREAM, stream=parts()))

    async def _threaded(self, work: Callable[[Question], Any], asked: Question) -> Any:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._pool, work, asked)
        except MlwrightError as exc:
            raise refused(exc) from None

    def _whole(self, call: Call, asked: Question, answer: Answer) -> Reply:
        body = {**shown(answer), "request_id": call.request_id, "version": self.version}
        return self._reply(call, asked, answer, ok(body))

    def _reply(self, call: Call, asked: Question, answer: Answer, sent: Sent) -> Reply:
        return Reply(sent, [self._line(call, asked, answer, answer.kind)], counted(answer))

    def _key(self, call: Call, asked: Question) -> str:
        # The caller's key is a part: nobody is given what was made for another.
        return key_of(
            self._parts.identity,
            caller(call),
            asked.text,
            asked.k,
            asked.where,
            asked.history,
            asked.options,
        )

    def _keep(self, key: str, answer: Answer) -> None:
        if self._cache is not None and not answer.cached:
            self._cache.put(key, packed(answer))

    def _line(self, call: Call, asked: Question, answer: Answer, kind: str) -> bytes:
        return logged(
            call,
            asked,
            answer,
            kind=kind,
            model=(self.model, self.version),
            text=self._parts.api.log_text,
        )


def _same(sent: Sent, _: Call) -> Sent:
    return sent
