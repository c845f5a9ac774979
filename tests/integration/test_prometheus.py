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
from mlwright.monitor.dashboard import METRICS, TOPICS, panels
from mlwright.monitor.exporter import server
from mlwright.monitor.live import log_of
from mlwright.monitor.prometheus import write
from mlwright.predictions.labels import add
from mlwright.profile.make import profile
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


def make_model(workspace: Workspace) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=4000)
    scores = 1 / (1 + np.exp(-2 * x))
    y = (rng.random(4000) < scores).astype(int)
    metrics = bootstrap_metrics("binary", y, (scores >= 0.5).astype(int), scores, repeats=100)
    made = write_bundle(
        Draft(
            name="tiny",
            signature=SIGNATURE,
            plan=Plan((NumberStep("x", 0.0),)),
            source=LinearSource(np.array([2.0]), 0.0, "logistic"),
            algorithm="linear",
            profile=profile({"x": x}, SIGNATURE, scores=scores),
            card="# tiny",
            check_columns={"x": x[:50]},
            samples=[{"x": -3.0}, {"x": 4.5}],
            threshold=0.5,
            metrics={"holdout": {name: value.to_json() for name, value in metrics.items()}},
            importance={"x": 1.0},
        ),
        workspace.bundles,
    )
    register(workspace, "tiny", made)


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

    def __init__(self, workspace, url, sink, folder):
        self.workspace, self.url, self.sink, self.folder = workspace, url, sink, folder
        self.prometheus = f"http://127.0.0.1:{free_port()}"
        self.alertmanager = f"127.0.0.1:{free_port()}"
        self.processes = []

    def answer(self, *, shift=0.0, rows=600):
        """Have rows answered and labelled; return the check of them alone."""
        began = time.time()
        rng = np.random.default_rng(int(1000 * shift) + len(self.sink.bodies))
        for _ in range(rows // 100):
            x = rng.normal(shift, 1, 100)
            body = json.dumps({"records": [{"x": value} for value in x.tolist()]}).encode()
            request = urllib.request.Request(
                f"{self.url}/predict", body, {"content-type": "application/json"}
            )
            with urllib.request.urlopen(request, timeout=10) as done:
                answers = json.load(done)["predictions"]
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

    def told(self, status, name):
        """Return what Alertmanager told of an alert by this name in this status."""
        alerts = [alert for body in self.sink.bodies for alert in body["alerts"]]
        return [a for a in alerts if a["status"] == status and a["labels"]["alertname"] == name]


@pytest.fixture
def stack(tmp_path):
    with HttpSink() as sink:
        (tmp_path / "mlwright.yaml").write_text(
            f"alerts:\n  channels:\n    - {{type: webhook, url: '{sink.url}'}}\n"
        )
        workspace = Workspace.create(tmp_path)
        make_model(workspace)
        status = release.deploy(workspace, "tiny", "production", strategy="all_at_once", port=0)
        watched = Stack(workspace, status.url, sink, tmp_path / "monitoring")
        with server(workspace, host="127.0.0.1", port=0) as exporter:
            thread = threading.Thread(target=exporter.serve_forever, args=(0.05,))
            thread.start()
            try:
                watched.start(f"127.0.0.1:{exporter.server_port}")
                yield watched
            finally:
                watched.stop()
                exporter.shutdown()
                thread.join()
                release.stop_all(workspace)


@pytest.mark.timeout(240)
def test_panels_have_data_and_an_alert_begins_and_ends(stack):
    assert stack.answer().verdict == "ok"
    binary = [name for name in METRICS if name not in ("mae", "rmse", "r2")]
    for panel in panels("tiny", (*binary, *TOPICS)):
        for query in panel.queries:
            until(lambda expr=query.expr: stack.series(expr), f"{panel.title}: {query.expr}")
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
