from __future__ import annotations

import asyncio
import json
import math
import threading

import numpy as np
import pytest

from mlwright.bundle.explain import NotExplained
from mlwright.bundle.model import Predictions
from mlwright.core.errors import MissingExtra, RemoteError
from mlwright.serve import aside, handler, tabular, turn
from mlwright.serve.answers import Answer, Part, Refused
from mlwright.serve.application import Door, Reply
from mlwright.serve.contracts.described import Subject
from mlwright.serve.contracts.v2 import V2
from mlwright.serve.gate import Gate
from mlwright.serve.journal import Journal
from mlwright.serve.metrics import Metrics
from mlwright.serve.privacy import Keep
from mlwright.serve.router import Candidate, Router, Routes
from mlwright.serve.sides import Side
from mlwright.serve.spec import LogPolicy
from mlwright.serve.wire import Request

ROW = {"tenure": 3, "charges": None, "contract": "y"}


def test_one_row_is_answered_and_logged(here):
    reply = here.one(body={"records": [ROW]}, headers={"X-Request-Id": "r1", "X-Routing-Key": "c"})
    assert reply.status == 200
    (answer,) = reply.value["predictions"]
    assert answer == {
        "prediction": "No",
        "probability": pytest.approx(1 / (1 + 2.718281828459045**1.15)),
        "model_version": 1,
        "request_id": "r1",
    }
    assert reply.headers["x-request-id"] == "r1"
    assert reply.headers["x-model-version"] == "1"
    (line,) = here.lines()
    assert line.pop("time") > 1.7e9
    assert line.pop("latency_ms") > 0
    assert line == {
        "request_id": "r1",
        "key": "c",
        "model": "churn",
        "version": 1,
        "features": ROW,
        "prediction": "No",
        "score": answer["probability"],
        "route": "champion",
    }


def test_several_rows_have_ids_of_their_own(here):
    reply = here.one(body={"records": [ROW, ROW]}, headers={"X-Request-Id": "r1"})
    assert [each["request_id"] for each in reply.value["predictions"]] == ["r1-0", "r1-1"]
    assert [line["request_id"] for line in here.lines()] == ["r1-0", "r1-1"]


def test_request_ids_that_are_made_here_differ(here):
    ids = {here.one(body={"records": [ROW]}).headers["x-request-id"] for _ in range(50)}
    assert len(ids) == 50


def test_multiclass_gives_a_probability_a_class(make):
    here = make(task="multiclass")
    (answer,) = here.one(body={"records": [ROW]}).value["predictions"]
    assert set(answer["probability"]) == {"a", "b", "c"}
    assert sum(answer["probability"].values()) == pytest.approx(1)
    assert answer["prediction"] == max(answer["probability"], key=answer["probability"].get)
    assert here.lines()[0]["score"] == list(answer["probability"].values())


def test_regression_gives_no_probability(make):
    here = make(task="regression")
    (answer,) = here.one(body={"records": [ROW]}).value["predictions"]
    assert answer["prediction"] == pytest.approx(-1.15)
    assert "probability" not in answer
    assert here.lines()[0]["score"] == answer["prediction"]


def test_the_line_is_in_the_log_before_the_answer_leaves(here):
    seen = []
    here.one(body={"records": [ROW]}, on_start=lambda: seen.append(len(here.lines())))
    assert seen == [1]


def test_one_call_predicts_and_one_write_covers_all_answers_of_a_turn(here, monkeypatch):
    writes, scored = [], []
    real = here.handler.application._model.predict_values
    monkeypatch.setattr(
        here.handler.application._model,
        "predict_values",
        lambda rows: (scored.append(len(rows)), real(rows))[1],
    )
    segment = here.handler._journal._predictions
    monkeypatch.setattr(segment, "append", lambda lines: writes.append(len(lines)))

    async def several():
        await asyncio.gather(*(here.ask(body={"records": [ROW]}) for _ in range(7)))

    asyncio.run(several())
    assert (writes, scored) == ([7], [7])


def test_a_row_that_fails_fails_alone(here, monkeypatch):
    real = here.handler.application._model.predict_values

    def fail(rows):
        if any(row[0] == 13 for row in rows):
            raise ValueError("unlucky")
        return real(rows)

    monkeypatch.setattr(here.handler.application._model, "predict_values", fail)

    async def several():
        bodies = [{"records": [{**ROW, "tenure": each}]} for each in (1, 13, "x", 2)]
        return await asyncio.gather(*(here.ask(body=body) for body in bodies))

    replies = asyncio.run(several())
    assert [reply.status for reply in replies] == [200, 500, 422, 200]
    assert [line["features"]["tenure"] for line in here.lines()] == [1, 2]


def test_wrong_fields_are_named_all_at_once_without_values(here):
    body = {"records": [{"tenure": "secret", "charges": None, "<script>": "secret"}]}
    reply = here.one(body=body)
    assert reply.status == 422
    assert reply.value == {
        "error": {
            "field": "tenure",
            "reason": "must be a number, got text",
            "fields": {"tenure": "must be a number, got text", "contract": "is missing"},
        }
    }
    assert b"secret" not in reply.body
    assert here.lines() == []


def test_unknown_columns_and_unseen_categories_are_counted_and_not_logged(here):
    body = {"records": [{**ROW, "contract": "new", "<script>": "x"}]}
    assert here.one(body=body).status == 200
    assert here.lines()[0]["features"] == {**ROW, "contract": "new"}
    text = here.metrics.snapshot().text()
    assert "mlwright_unknown_columns_total 1" in text
    assert 'mlwright_unseen_categories_total{column="contract"} 1' in text
    assert "script" not in text
    assert 'contract"} 1' in text


@pytest.mark.parametrize("path", ["/", "/health/live", "/health/ready", "/metrics"])
def test_reading_routes(here, path):
    reply = here.one(path, method="GET")
    assert reply.status == 200
    assert here.one(path, method="HEAD").status == 200
    assert here.one(path, method="DELETE").status == 405


def test_the_front_page_has_a_request_that_works(here):
    about = here.one("/", method="GET").value
    assert (about["model"], about["version"], about["task"]) == ("churn", 1, "binary")
    assert here.one(body=about["example"]).status == 200


def test_unknown_paths_and_methods(here):
    assert here.one("/nothing", method="GET").status == 404
    assert here.one("/control/status", method="GET").status == 404
    reply = here.one("/predict", method="GET")
    assert (reply.status, reply.value) == (
        405,
        {"error": {"reason": "this path takes POST alone"}},
    )


def test_a_model_that_fails_is_500_without_detail(here, monkeypatch, capsys):
    def fail(rows):
        raise ValueError(f"cannot score {rows}")

    monkeypatch.setattr(here.handler.application._model, "predict_values", fail)
    reply = here.one(body={"records": [{**ROW, "contract": "secret"}]})
    assert reply.status == 500
    assert reply.value == {"error": {"reason": "the model failed on this request"}}
    said = capsys.readouterr().err
    assert "churn:1 failed on a request: ValueError at" in said
    assert "secret" not in said
    assert 'mlwright_errors_total{kind="model"} 1' in here.metrics.snapshot().text()


def test_an_application_that_fails_leaves_nobody_without_an_answer(here, monkeypatch, capsys):
    def fail(jobs):
        raise KeyError("secret")

    monkeypatch.setattr(here.handler.application, "work", fail)
    replies = [here.one(body={"records": [ROW]}) for _ in range(3)]
    assert [reply.status for reply in replies] == [500, 500, 500]
    assert replies[0].value == {"error": {"reason": "the server failed on this request"}}
    assert here.handler.inflight == 0
    said = capsys.readouterr().err
    assert "a request failed: KeyError at" in said
    assert "secret" not in said


@pytest.mark.parametrize("scores", [[math.nan], [[0.5, math.inf]]])
def test_a_score_that_is_no_number_is_500(here, monkeypatch, scores):
    found = Predictions(["Yes"], np.array(scores))
    monkeypatch.setattr(here.handler.application._model, "predict_values", lambda rows: found)
    assert here.one(body={"records": [ROW]}).status == 500
    assert here.lines() == []


class FullDisk:
    def __init__(self, policy="required"):
        self.policy = LogPolicy(policy=policy)

    def write(self, lines, outcomes=(), **others):
        raise RemoteError("the log in X cannot be written: full", hint="make room")


def test_a_log_that_refuses_is_503_and_loud(make, capsys):
    here = make(journal=FullDisk())
    reply = here.one(body={"records": [ROW]})
    assert reply.status == 503
    assert reply.value == {"error": {"reason": "the prediction log cannot be written"}}
    assert capsys.readouterr().err == "the log in X cannot be written: full; make room\n"
    assert "mlwright_log_failures_total 1" in here.metrics.snapshot().text()


def test_a_worker_that_was_told_to_close_says_so(here):
    assert not here.public.closing()
    here.public.leaving = True
    assert (here.public.closing(), here.private.closing()) == (True, False)


def test_a_worker_that_stops_is_not_ready(here):
    here.handler.stopping = True
    reply = here.one("/health/ready", method="GET")
    assert (reply.status, here.public.closing(), here.private.closing()) == (503, True, True)
    assert here.one("/health/live", method="GET").status == 200


def test_the_private_door_tells_the_route_and_the_public_one_ignores_it(here):
    headers = {"X-Mlwright-Route": "candidate"}
    here.one(body={"records": [ROW]}, headers=headers, private=True)
    here.one(body={"records": [ROW]}, headers=headers)
    assert [line["route"] for line in here.lines()] == ["candidate", "champion"]


@pytest.mark.parametrize("private", [True, False])
def test_a_test_is_logged_as_one(here, private):
    test = {"x-mlwright-route": "test"}
    assert here.one(body={"records": [ROW]}, headers=test, private=private).status == 200
    assert [line["route"] for line in here.lines()] == ["test"]


def test_a_test_is_no_part_of_a_rollout(here):
    candidate = Candidate(version=2, socket="/nowhere", weight=1.0, mirror=True)
    here.handler.router.set(Routes(release=7, candidate=candidate))
    here.one(body={"records": [ROW]}, headers={"x-mlwright-route": "test"})
    assert [line["route"] for line in here.lines()] == ["test"]
    assert here.lines("outcomes") == []


@pytest.mark.parametrize("path", ["/v2/nothing", "/v2/models/other/infer"])
def test_what_is_not_there_is_told_in_the_shape_of_the_paths_beside_it(here, path):
    subject = Subject("churn", 1, here.handler.application.signature, [ROW], {})
    v2 = V2(subject)
    doors = {each: Door(route, v2.refusal) for each, route in v2.routes().items()}
    here.public = Side(here.handler, doors, limit=1000)
    assert here.one(path).value == {"error": "there is nothing at this path"}
    assert here.one("/nothing").value == {"error": {"reason": "there is nothing at this path"}}


def test_latency_and_statuses_are_counted(here):
    here.one(body={"records": [ROW]})
    here.one(body=b"{")
    text = here.metrics.snapshot().text()
    assert 'mlwright_requests_total{status="200"} 1' in text
    assert 'mlwright_requests_total{status="400"} 1' in text
    assert 'mlwright_request_seconds_count{version="1"} 2' in text
    assert json.dumps(here.lines()[0]["features"]) == json.dumps(ROW)


def test_a_log_of_best_effort_counts_and_answers(make, capsys):
    here = make(journal=FullDisk("best-effort"))
    assert here.one(body={"records": [ROW]}).status == 200
    assert "the log in X cannot be written" in capsys.readouterr().err
    assert "mlwright_log_failures_total 1" in here.metrics.snapshot().text()


def test_odd_input_is_told_in_the_answers_headers(here):
    reply = here.one(body={"records": [{**ROW, "contract": "new", "a": 1, "b": 2}, ROW]})
    assert (reply.headers["x-unknown-columns"], reply.headers["x-unseen-categories"]) == ("2", "1")
    assert "x-unknown-columns" not in here.one(body={"records": [ROW]}).headers


def test_a_trace_is_kept_in_the_log(here):
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    here.one(body={"records": [ROW]}, headers={"traceparent": trace})
    here.one(body={"records": [ROW]})
    assert [line.get("traceparent") for line in here.lines()] == [trace, None]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"authorization": "Bearer old"}, 200),
        ({"authorization": "bearer new"}, 200),
        ({"x-api-key": "new"}, 200),
        ({"x-api-key": "ne"}, 401),
        ({"authorization": "Basic new"}, 401),
        ({"authorization": "Bearer "}, 401),
    ],
)
def test_keys(make, headers, status):
    here = make(keys=["old", "new"])
    reply = here.one(body={"records": [ROW]}, headers=headers)
    assert reply.status == status
    assert ("www-authenticate" in reply.headers) == (status == 401)
    assert here.one("/metrics", method="GET", headers=headers).status == status
    assert here.one("/health/ready", method="GET").status == 200
    assert here.one(body={"records": [ROW]}, private=True).status == 200


def test_a_full_queue_is_503_and_one_keys_half_of_it_429(make):
    here = make(keys=["a", "b"])
    here.handler.gate = Gate(["a", "b"], queue=4)

    async def run(keys):
        asked = [here.ask(body={"records": [ROW]}, headers={"x-api-key": key}) for key in keys]
        replies = await asyncio.gather(*asked)
        return [(reply.status, reply.headers.get("retry-after")) for reply in replies]

    good = (200, None)
    assert asyncio.run(run("aaab")) == [good, good, (429, "1"), good]
    assert asyncio.run(run("aabbb")) == [good, good, good, good, (503, "1")]
    assert asyncio.run(run("ab")) == [good, good]
    assert here.handler.gate.inside == here.handler.inflight == 0


def test_a_large_body_is_answered_in_a_thread_and_in_pieces(here, monkeypatch):
    monkeypatch.setattr(handler, "BIG", 100)
    monkeypatch.setattr(tabular, "CHUNK", 256)
    threads, sizes = set(), []
    model = here.handler.application._model
    real = model.predict_values

    def noted(rows):
        threads.add(threading.current_thread().name)
        sizes.append(len(rows))
        return real(rows)

    monkeypatch.setattr(model, "predict_values", noted)
    reply = here.one(body={"records": [ROW] * 600})
    assert [each["request_id"][-4:] for each in reply.value["predictions"][-2:]] == ["-598", "-599"]
    assert (len(here.lines()), sizes) == (600, [256, 256, 88])
    assert threads == {"mlwright-aside_0"}
    assert here.one(body={"records": [{"tenure": "x" * 200}]}).status == 422
    here.handler.close()


def test_who_may_call_may_mark_a_test_and_it_is_counted(make):
    here = make(keys=["k"])
    mark = {"x-mlwright-route": "test"}
    assert here.one(body={"records": [ROW]}, headers=mark).status == 401
    assert here.lines() == []
    known = {"x-api-key": "k"}
    assert here.one(body={"records": [ROW]}, headers=mark | known).status == 200
    assert here.one(body={"records": [ROW]}, headers=known).status == 200
    assert [each["route"] for each in here.lines()] == ["test", "champion"]
    assert "mlwright_test_requests_total 1\n" in here.metrics.snapshot().text()


def elsewhere(here):
    """Let the model of a handler be one that answers elsewhere."""
    application = here.handler.application
    application._elsewhere = True
    here.public = Side(here.handler, application.doors(), limit=1 << 20)
    return application._model


def test_a_model_that_answers_elsewhere_is_waited_for_in_threads(here, monkeypatch):
    model = elsewhere(here)
    real, together = model.predict_values, threading.Barrier(5, timeout=10)

    def slow(rows):
        together.wait()
        return real(rows)

    monkeypatch.setattr(model, "predict_values", slow)

    async def run():
        asked = [asyncio.ensure_future(here.ask(body={"records": [ROW]})) for _ in range(4)]
        health = await here.ask("/", method="GET")
        waiting = sum(not each.done() for each in asked)
        await asyncio.get_running_loop().run_in_executor(None, together.wait)
        return health.status, waiting, [each.status for each in await asyncio.gather(*asked)]

    assert asyncio.run(run()) == (200, 4, [200] * 4)
    here.handler.close()
    assert len(here.lines()) == 4
    assert here.handler.inflight == 0


def test_what_waits_too_long_or_too_many_is_told_so(here, monkeypatch):
    elsewhere(here)
    monkeypatch.setattr(aside, "LONGEST", -1.0)
    late = here.one(body={"records": [ROW]})
    assert (late.status, late.value["error"]["reason"]) == (503, "there was no room within -1 s")
    monkeypatch.setattr(aside, "WAITING", 0)
    full = here.one(body={"records": [ROW]})
    assert (full.status, full.headers["retry-after"]) == (503, "1")
    here.handler.close()
    assert here.lines() == []


def test_many_rows_are_scored_together_in_a_thread_while_others_are_answered(here, monkeypatch):
    model, calls, held = here.handler.application._model, [], threading.Event()
    real = model.predict_values

    def noted(rows):
        calls.append((threading.current_thread().name, len(rows)))
        if len(rows) > 1:
            assert held.wait(10)
        return real(rows)

    monkeypatch.setattr(model, "predict_values", noted)

    async def run():
        many = [asyncio.ensure_future(here.ask(body={"records": [ROW] * 40})) for _ in range(2)]
        bad = asyncio.ensure_future(here.ask(body={"records": [ROW] * 40 + [{}]}))
        one = await here.ask(body={"records": [ROW]})
        later = asyncio.ensure_future(here.ask(body={"records": [ROW] * 50}))
        await asyncio.sleep(0)
        waiting = not any(each.done() for each in (*many, later))
        lines = len(here.lines())
        held.set()
        replies = await asyncio.gather(*many, bad, later)
        return one.status, waiting, lines, [each.status for each in replies]

    assert asyncio.run(run()) == (200, True, 1, [200, 200, 422, 200])
    here.handler.close()
    scores = "mlwright-scores_0"
    assert sorted(calls) == [("MainThread", 1), (scores, 50), (scores, 80)]
    assert len(here.lines()) == 131
    assert here.handler.inflight == 0


def test_many_rows_that_fail_fail_alone(here, monkeypatch):
    model = here.handler.application._model
    real = model.predict_values

    def fail(rows):
        if any(row[0] == 13 for row in rows):
            raise ValueError("unlucky")
        return real(rows)

    monkeypatch.setattr(model, "predict_values", fail)

    async def several():
        bodies = [{"records": [{**ROW, "tenure": each}] * 40} for each in (1, 13, 2)]
        return await asyncio.gather(*(here.ask(body=body) for body in bodies))

    assert [reply.status for reply in asyncio.run(several())] == [200, 500, 200]
    here.handler.close()
    assert [line["features"]["tenure"] for line in here.lines()] == [1] * 40 + [2] * 40


def test_the_thread_takes_so_many_rows_and_no_more(here, monkeypatch):
    monkeypatch.setattr(turn, "TOGETHER", 100)
    model, sizes = here.handler.application._model, []
    real = model.predict_values
    noted = lambda rows: (sizes.append(len(rows)), real(rows))[1]  # noqa: E731
    monkeypatch.setattr(model, "predict_values", noted)

    async def several():
        bodies = [{"records": [ROW] * 50}] * 5
        return await asyncio.gather(*(here.ask(body=body) for body in bodies))

    assert [reply.status for reply in asyncio.run(several())] == [200] * 5
    here.handler.close()
    assert sizes == [100, 100, 50]


def test_the_log_has_a_row_as_it_came_and_only_what_the_model_takes(here):
    here.one(body=b'{"records": [{"contract":"y" ,"tenure":3.50,"charges":null}]}')
    here.one(body=b'{"records": [{"contract":"y","more":"secret","tenure":3.50,"charges":null}]}')
    here.one(body=b'{"records":\n[{"contract":"y","tenure":3.50,\n"charges":null}]}')
    (file,) = here.log.glob("predictions-*.jsonl")
    lines = file.read_text().splitlines()
    assert '"features":{"contract":"y" ,"tenure":3.50,"charges":null},' in lines[0]
    assert "secret" not in lines[1]
    assert [each["features"] for each in here.lines()] == [{**ROW, "tenure": 3.5}] * 3


def test_personal_data_is_left_out_or_hashed(make):
    here = make(keep=Keep(leave_out=["tenure"], hash_columns=["contract"], key=b"k"))
    here.one(body={"records": [ROW]})
    (line,) = here.lines()
    assert set(line["features"]) == {"charges", "contract"}
    assert line["features"]["contract"].startswith("hash:")
    assert line["features"]["charges"] is None


class Slow:
    """An application that waits for others, as one that asks a language model does."""

    model, version = "kb", 3

    def __init__(self):
        self.ended = asyncio.Event()

    def doors(self):
        return {
            ("POST", "/query"): Door(self.query),
            ("GET", "/events"): Door(self.events),
            ("POST", "/hang"): Door(self.hang),
        }

    def warm(self):
        pass

    def work(self, jobs):
        raise AssertionError

    async def query(self, call):
        await asyncio.sleep(0)
        if not call.body:
            raise Refused(422, "shape", "ask something")
        return Reply(Answer(200, call.body), [b"logged\n"])

    async def events(self, call):
        async def parts():
            yield Part(b"one")
            yield Part(b"two", [b"streamed\n"])

        return Reply(Answer(200, b"", content_type=b"text/event-stream", stream=parts()))

    async def hang(self, call):
        try:
            await asyncio.Event().wait()
        finally:
            self.ended.set()


def test_an_application_may_wait_and_stream(tmp_path):
    async def run():
        journal, metrics = Journal(tmp_path), Metrics()
        held = handler.Handler(Slow(), journal, Router(), metrics)
        side = Side(held, held.application.doors(), limit=100)
        answers = []

        def ask(method, path, body=b""):
            done = asyncio.get_running_loop().create_future()
            request = Request(
                lambda _, answer: done.set_result(answer), method, path, {}, body, "1.1", True
            )
            side.take(request)
            return done, request

        for asked in (("POST", b"/query", b"q"), ("POST", b"/query"), ("GET", b"/events")):
            answers.append(await ask(*asked)[0])
        streamed = [part.data async for part in answers[2].stream]
        _, request = ask("POST", b"/hang")
        await asyncio.sleep(0)
        request.lost()
        await held.application.ended.wait()
        await asyncio.sleep(0)
        journal.close()
        return answers, streamed, held.inflight, held.gate.inside

    answers, streamed, inflight, inside = asyncio.run(run())
    assert [answer.status for answer in answers] == [200, 422, 200]
    assert streamed == [b"one", b"two"]
    assert (inflight, inside) == (0, 0)
    (path,) = tmp_path.glob("predictions-*")
    assert path.read_bytes() == b"logged\nstreamed\n"


@pytest.mark.parametrize(
    ("raised", "status", "reason"),
    [
        (
            NotExplained(),
            422,
            "explanations are not available for this kind of model; linear models, and boosted "
            "trees of LightGBM and XGBoost, have them",
        ),
        (
            MissingExtra("needs xgboost", hint="pip install it"),
            501,
            "needs xgboost; pip install it",
        ),
    ],
)
def test_what_cannot_be_explained_says_why_and_what_to_do(
    here, monkeypatch, raised, status, reason
):
    def fails(self, rows):
        raise raised

    monkeypatch.setattr("mlwright.bundle.model.Model.explain_rows", fails)
    answer = here.one("/predict?explain=true", body={"records": [ROW]})
    assert (answer.status, answer.value) == (status, {"error": {"reason": reason}})
