"""A real server, exporter, Prometheus and Alertmanager: panels have data, alerts begin and end."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from contextlib import contextmanager

import numpy as np
import pytest
import yaml

from mlwright.bundle.plan import NumberStep, Plan
from mlwright.bundle.sources import LinearSource
from mlwright.bundle.write import Draft
from mlwright.bundle.write import write as write_bundle
from mlwright.core.signature import Column, Signature
from mlwright.core.workspace import Workspace
from mlwright.deploy import release
from mlwright.deploy.processes import listen
from mlwright.monitor.check import check
from mlwright.monitor.dashboard import ESTIMATED, METRICS, OF_QUESTIONS, TOPICS, panels
from mlwright.monitor.exporter import server
from mlwright.monitor.live import log_of
from mlwright.monitor.prometheus import write
from mlwright.monitor.queries.check import check_queries
from mlwright.predictions.labels import add
from mlwright.profile.make import profile
from mlwright.rag.config import read_config
from mlwright.rag.ingest import build
from mlwright.stats.bootstrap import bootstrap_metrics
from mlwright.testing.sinks import HttpSink
from mlwright.track.models import register

TOOLS = {name: shutil.which(name) for name in ("prometheus", "prometheus-alertmanager")}
pytestmark = [
    pytest.mark.heavy,
    pytest.mark.skipif(
        None in TOOLS.values(),
        reason="needs the Debian packages prometheus and prometheus-alertmanager",
    ),
]
SIGNATURE = Signature((Column("x", "number"),), "binary", "y", ("No", "Yes"))
SECONDS = 60.0
OF_NUMBERS = ("mae", "rmse", "r2")
BINARY = tuple(name for name in METRICS if name not in OF_NUMBERS)
LIVE = ("latency", "traffic", "errors")
CHECKED = ("drift_score", "verdict")


def make_model(workspace: Workspace) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=4000)
    scores = 1 / (1 + np.exp(-2 * x))
    y = (rng.random(4000) < scores).astype(int)
    metrics = bootstrap_metrics("binary", y, (scores >= 0.5).astype(int), scores, repeats=100)
    source = LinearSource(np.array([2.0]), 0.0, "logistic")
    register_model(workspace, "tiny", SIGNATURE, source, x, scores, metrics)


def make_regression(workspace: Workspace) -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=4000)
    metrics = bootstrap_metrics(
        "regression", 2 * x + rng.normal(size=4000), 2 * x, None, repeats=100
    )
    signature = Signature((Column("x", "number"),), "regression", "y")
    source = LinearSource(np.array([2.0]), 0.0, "identity")
    register_model(workspace, "prices", signature, source, x, 2 * x, metrics)


def register_model(workspace, name, signature, source, x, scores, metrics):
    made = write_bundle(
        Draft(
            name=name,
            signature=signature,
            plan=Plan((NumberStep("x", 0.0),)),
            source=source,
            algorithm="linear",
            profile=profile({"x": x}, signature, scores=scores),
            card=f"# {name}",
            check_columns={"x": x[:50]},
            samples=[{"x": -3.0}, {"x": 4.5}],
            threshold=0.5 if signature.task == "binary" else None,
            metrics={"holdout": {name: value.to_json() for name, value in metrics.items()}},
            importance={"x": 1.0},
        ),
        workspace.bundles,
    )
    register(workspace, name, made)


def make_index(workspace: Workspace) -> None:
    folder = workspace.root / "documents"
    folder.mkdir()
    (folder / "refunds.md").write_text("Money is paid back within five working days.")
    (workspace.root / "kb.yaml").write_text(
        "name: kb\ndocuments: documents\nembedding: {provider: none}\n"
    )
    build(workspace, read_config(workspace.root / "kb.yaml"))


MAKERS = {"tiny": make_model, "prices": make_regression, "kb": make_index}


def send(url: str, value) -> dict:
    body = json.dumps(value).encode()
    request = urllib.request.Request(url, body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as done:
        return json.load(done)


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return bytes(answer.read())


def until(question, what: str):
    """Ask until there is an answer; the parts are other people's processes, without an event."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        try:
            if found := question():
                return found
        except OSError:
            pass
        time.sleep(0.1)
    pytest.fail(f"not within {SECONDS:g} s: {what}")


def free_port() -> int:
    with listen("127.0.0.1", 0) as listener:
        return int(listener.getsockname()[1])


class Stack:
    """The workspace's server with everything that watches it."""

    def __init__(self, workspace, sink, folder):
        self.workspace, self.sink, self.folder = workspace, sink, folder
        self.urls = {}
        self.prometheus = f"http://127.0.0.1:{free_port()}"
        self.alertmanager = f"127.0.0.1:{free_port()}"
        self.processes = []

    def deploy(self, model, environment):
        MAKERS[model](self.workspace)
        deployed = release.deploy(
            self.workspace, model, environment, strategy="all_at_once", port=0
        )
        self.urls[environment] = deployed.url

    def answer(self, *, shift=0.0, rows=600):
        """Have rows answered and labelled; return the check of them alone."""
        began = time.time()
        rng = np.random.default_rng(int(1000 * shift) + len(self.sink.bodies))
        for _ in range(rows // 100):
            x = rng.normal(shift, 1, 100)
            rows_sent = {"records": [{"x": value} for value in x.tolist()]}
            answers = send(f"{self.urls['production']}/predict", rows_sent)["predictions"]
            truths = np.where(rng.random(100) < 1 / (1 + np.exp(-2 * x)), "Yes", "No").tolist()
            ids = [answer["request_id"] for answer in answers]
            add(log_of(self.workspace, "production"), zip(ids, truths, strict=True))
        return check(self.workspace, "production", since=began, until=time.time() + 1)

    def start(self, exporter):
        write(self.workspace, self.folder)
        self.change("prometheus.yml", self._faster(exporter))
        self.change("alertmanager.yml", self._sooner)
        arguments = {
            "prometheus": [
                f"--config.file={self.folder}/prometheus.yml",
                f"--storage.tsdb.path={self.folder}/data",
                f"--web.listen-address={self.prometheus.removeprefix('http://')}",
            ],
            "prometheus-alertmanager": [
                f"--config.file={self.folder}/alertmanager.yml",
                f"--storage.path={self.folder}/alertmanager",
                f"--web.listen-address={self.alertmanager}",
                "--cluster.listen-address=",
            ],
        }
        for name, given in arguments.items():
            log = (self.folder / f"{name}.log").open("wb")
            with log:
                self.processes.append(subprocess.Popen([TOOLS[name], *given], stderr=log))
        until(lambda: get(f"{self.prometheus}/-/ready"), "Prometheus is ready")
        until(lambda: get(f"http://{self.alertmanager}/-/ready"), "Alertmanager is ready")

    def stop(self):
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait(20)

    def change(self, name, edit):
        path = self.folder / name
        value = yaml.safe_load(path.read_text())
        edit(value)
        path.write_text(yaml.safe_dump(value))

    def _faster(self, exporter):
        def edit(config):
            config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
            config["scrape_configs"][1]["static_configs"][0]["targets"] = [exporter]
            (manager,) = config["alerting"]["alertmanagers"]
            manager["static_configs"][0]["targets"] = [self.alertmanager]

        self.change("mlwright.rules.yml", lambda rules: rules["groups"][0].pop("interval"))
        return edit

    def _sooner(self, config):
        config["route"] |= {"group_wait": "0s", "group_interval": "1s"}

    def series(self, expr):
        """Return how many series a query gives; a syntax error raises."""
        expr = re.sub(r"\$environment", ".+", expr)
        query = urllib.parse.urlencode({"query": expr})
        return len(json.loads(get(f"{self.prometheus}/api/v1/query?{query}"))["data"]["result"])

    def check_panels(self, model, *names):
        """Ask every query of every panel until it has data."""
        for panel in panels(model, names):
            for query in panel.queries:
                until(lambda expr=query.expr: self.series(expr), f"{panel.title}: {query.expr}")

    def told(self, status, name):
        """Return what Alertmanager told of an alert by this name in this status."""
        alerts = [alert for body in self.sink.bodies for alert in body["alerts"]]
        return [a for a in alerts if a["status"] == status and a["labels"]["alertname"] == name]


@contextmanager
def watched_by(tmp_path, **environments):
    """Deploy models, `environment=model`, and watch them all."""
    with HttpSink() as sink:
        (tmp_path / "mlwright.yaml").write_text(
            f"alerts:\n  channels:\n    - {{type: webhook, url: '{sink.url}'}}\n"
        )
        workspace = Workspace.create(tmp_path)
        with server(workspace, host="127.0.0.1", port=0) as exporter:
            thread = threading.Thread(target=exporter.serve_forever, args=(0.05,))
            thread.start()
            watched = Stack(workspace, sink, tmp_path / "monitoring")
            try:
                for environment, model in environments.items():
                    watched.deploy(model, environment)
                watched.start(f"127.0.0.1:{exporter.server_port}")
                yield watched
            finally:
                watched.stop()
                exporter.shutdown()
                thread.join()
                release.stop_all(workspace)


@pytest.fixture
def stack(tmp_path):
    with watched_by(tmp_path, production="tiny") as watched:
        yield watched


@pytest.mark.timeout(240)
def test_panels_have_data_and_an_alert_begins_and_ends(stack):
    assert stack.answer().verdict == "ok"
    stack.check_panels("tiny", *BINARY, *ESTIMATED, *LIVE, *CHECKED)
    assert stack.series('mlwright_check_metric{metric="no_such"}') == 0
    with pytest.raises(urllib.error.HTTPError, match="400"):
        stack.series("mlwright_check_metric{")

    assert stack.answer(shift=1.0).verdict == "drift"
    (alert, *_) = until(lambda: stack.told("firing", "MlwrightDataDrift"), "the alert is told")
    assert alert["annotations"] == {
        "summary": "data drift of tiny in production",
        "action": "mlwright retrain run --environment production --reason data_drift_detected",
    }
    assert not stack.told("resolved", "MlwrightDataDrift")

    assert stack.answer().verdict == "ok"
    until(lambda: stack.told("resolved", "MlwrightDataDrift"), "the end is told")


@pytest.mark.timeout(240)
def test_panels_of_a_regression_and_of_an_index_have_data(tmp_path):
    with watched_by(tmp_path, estates="prices", help="kb") as stack:
        rng = np.random.default_rng(2)
        x = rng.normal(size=600)
        rows = {"records": [{"x": value} for value in x.tolist()]}
        answers = send(f"{stack.urls['estates']}/predict", rows)["predictions"]
        ids = [answer["request_id"] for answer in answers]
        truths = (2 * x + rng.normal(size=600)).tolist()
        add(log_of(stack.workspace, "estates"), zip(ids, truths, strict=True))
        assert check(stack.workspace, "estates").performance.verdict == "ok"

        asked = []
        for i in range(80):
            time.sleep(0.5 * (i == 40))  # so that a span before has its questions
            found = send(f"{stack.urls['help']}/query", {"query": f"is money paid back {i}"})
            asked.append((time.time(), found["request_id"]))
            rating = {"request_id": found["request_id"], "score": 1 if i % 4 else -1}
            send(f"{stack.urls['help']}/feedback", rating)
        middle = (asked[39][0] + asked[40][0]) / 2
        checked = check_queries(stack.workspace, "help", since=middle, until=time.time() + 1)
        assert (checked.verdict, checked.rows, checked.before.queries) == (
            "not_enough_data",
            40,
            40,
        )

        stack.check_panels("prices", *OF_NUMBERS, *LIVE, *CHECKED)
        stack.check_panels("kb", *OF_QUESTIONS, *LIVE, "verdict", "answers")
    assert {*BINARY, *OF_NUMBERS, *LIVE, *CHECKED, "answers"} == {*METRICS, *TOPICS}
