"""What each step does: what its own command does; only the data and the faults are ours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from mlwright.alerts import send as send_alert
from mlwright.core import clock
from mlwright.core.starter import start
from mlwright.core.workspace import Workspace
from mlwright.data import read, schema, split
from mlwright.deploy import release
from mlwright.monitor.check import Check, check
from mlwright.monitor.labels import add_file
from mlwright.monitor.live import live
from mlwright.monitor.wording import alert_of
from mlwright.predictions import reader
from mlwright.retrain.result import Retrained
from mlwright.retrain.run import run as retrain
from mlwright.track import mirror, models
from mlwright.track.sending import sending
from mlwright.train.fit import Trained
from mlwright.train.recipe import train_configured

from . import fault, shift, telco, traffic

ENVIRONMENT = "production"
SEED = 7
HOLDOUT = 0.5
SHIFTED_ROWS = 2_400


@dataclass(frozen=True, slots=True)
class Told:
    """What a step has to say: its outcome, a sentence, and facts for machines."""

    outcome: str
    said: str
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Loop:
    """What the steps hand to each other."""

    folder: Path
    changed_response: bool
    workspace: Workspace = field(init=False)
    trained: Trained = field(init=False)
    holdout: pl.DataFrame = field(init=False)
    shifted: pl.DataFrame = field(init=False)
    url: str = ""
    serve_began: float = 0.0
    shift_began: float = 0.0
    calm: Check = field(init=False)
    drift: Check = field(init=False)
    alert: str = ""
    retrained: Retrained = field(init=False)
    rollout: release.Status = field(init=False)
    rollback: release.Status = field(init=False)


def _init(loop: Loop) -> Told:
    table = telco.write_table(loop.workspace.root)
    loop.workspace = start(
        loop.workspace.root,
        data=Path(table.name),
        target=telco.TARGET,
        name="churn",
        holdout=HOLDOUT,
        port=0,
    )
    customers = read.read(table)
    facts = {"rows": customers.height, "workspace": str(loop.workspace.root)}
    said = f"{customers.height:,} telephone customers; half of them are kept aside, to come later."
    return Told("ok", said, facts)


def _train(loop: Loop) -> Told:
    with sending(loop.workspace) as tracker:
        loop.trained = trained = train_configured(loop.workspace, seed=SEED)
    auc = trained.metrics["holdout"]["auc"]
    dummy, linear = (trained.baselines[name]["auc"].value for name in ("dummy", "linear"))
    said = (
        f"{trained.model}:{trained.version} was trained. Of {auc.n:,} customers it never saw, it "
        f"ranks one who leaves above one who stays {auc.value:.1%} of the time "
        f"[{auc.low:.1%}, {auc.high:.1%}]; a linear model {linear:.1%}, guessing {dummy:.0%}."
    )
    return Told("ok", said, {**trained.to_json(), "tracked": tracker.flushed.error is None})


def _deploy(loop: Loop) -> Told:
    model = f"{loop.trained.model}:{loop.trained.version}"
    status = release.deploy(loop.workspace, model, ENVIRONMENT, strategy="all_at_once", who="demo")
    loop.url = status.url or ""
    said = f"{model} passed its smoke test and answers at {loop.url}."
    return Told("ok" if status.outcome == "live" else status.outcome, said, {"url": loop.url})


def _serve(loop: Loop) -> Told:
    table = read.read(loop.workspace.root / telco.FILE)
    found = schema.infer(table, telco.TARGET)
    loop.holdout = split.split(table, found, share=HOLDOUT, seed=SEED).holdout
    loop.serve_began = clock.now()
    sent = _send_labelled(loop, loop.holdout)
    logged = _missing_from_log(loop, sent, since=loop.serve_began)
    said = (
        f"{sent.answered:,} customers were scored over HTTP; {sent.failed} requests failed, and "
        f"{logged} answers are missing from the log."
    )
    facts = {"answered": sent.answered, "failed": sent.failed, "not_logged": logged}
    return Told("failed" if sent.failed or logged else "ok", said, facts)


def _monitor(loop: Loop) -> Told:
    loop.calm = found = check(loop.workspace, ENVIRONMENT, since=loop.serve_began)
    accuracy = found.performance.metrics["accuracy"]
    now, before = accuracy.current, accuracy.baseline or accuracy.current
    said = (
        f"{found.sentence} {now.value:.1%} of the answers were right [{now.low:.1%}, "
        f"{now.high:.1%}]; training promised {before.value:.1%}. How sure: {found.sensitivity}."
    )
    return Told(found.verdict, said, found.to_json())


def _drift(loop: Loop) -> Told:
    loop.shifted = shift.shifted(loop.holdout, SHIFTED_ROWS, seed=SEED)
    loop.shifted = _responding(loop)
    loop.shift_began = clock.now()
    sent = _send_labelled(loop, loop.shifted)
    loop.drift = found = check(loop.workspace, ENVIRONMENT, since=loop.shift_began)
    alert = alert_of(found)
    if alert:
        send_alert(loop.workspace, alert)
        loop.alert = alert.text()
    said = (
        f"Then other customers came, at higher prices (simulated). In {sent.answered:,} answers "
        f"the check found drift in {', '.join(found.drifted) or 'nothing'}; alerts.txt says what "
        "to do."
    )
    outcome = "drift_found" if found.drifted else found.verdict
    return Told(outcome, said, found.to_json())


def _responding(loop: Loop) -> pl.DataFrame:
    """Return the shifted customers as they answer: otherwise than before, or as the model says."""
    if loop.changed_response:
        return shift.changed_response(loop.shifted, seed=SEED)
    bundle = loop.trained.bundle
    known = schema.conform(loop.shifted, bundle.signature, target=False)
    chances = bundle.model().scores(schema.columns(known, bundle.signature))
    return shift.expected_response(loop.shifted, chances, seed=SEED)


def _retrain(loop: Loop) -> Told:
    with traffic.LiveTraffic(loop.url, _rows(loop, loop.shifted)) as users:
        loop.retrained = done = retrain(
            loop.workspace, ENVIRONMENT, reason="drift", since=loop.shift_began, seed=SEED
        )
        loop.rollout = release.status(loop.workspace, ENVIRONMENT)
    mirror.flush(loop.workspace)
    after = check(loop.workspace, ENVIRONMENT, since=loop.shift_began)
    said = (
        f"{_verdict(done)} Meanwhile {users.sent.answered:,} requests were answered and "
        f"{users.sent.failed} failed. The next check of {after.model}:{after.version}: "
        f"{after.verdict.replace('_', ' ')}."
    )
    facts = {
        **done.to_json(),
        "answered": users.sent.answered,
        "failed": users.sent.failed,
        "next_check": after.verdict,
    }
    return Told(done.outcome, said, facts)


def _rollback(loop: Loop) -> Told:
    answering = live(loop.workspace, ENVIRONMENT)
    broken = fault.broken(answering.bundle, loop.shifted, loop.workspace.bundles)
    version = models.register(loop.workspace, answering.model, broken)
    began = clock.now()
    with traffic.LiveTraffic(loop.url, _rows(loop, loop.shifted)) as users:
        loop.rollback = status = release.deploy(
            loop.workspace,
            f"{version.model}:{version.version}",
            ENVIRONMENT,
            strategy="canary",
            who="demo",
        )
    lost = _missing_from_log(loop, users.sent, since=began)
    said = (
        f"{version.model}:{version.version}, broken on purpose, was tried on 10% of the traffic "
        f"and taken back on its own after {_seconds(status):.1f} s; of {users.sent.answered:,} "
        f"requests {users.sent.failed} failed and {lost} were lost."
    )
    facts = {
        "answered": users.sent.answered,
        "failed": users.sent.failed,
        "lost": lost,
        "incident": str(status.incident) if status.incident else None,
    }
    outcome = "lost_requests" if lost or users.sent.failed else status.outcome
    return Told(outcome, said, facts)


def _verdict(done: Retrained) -> str:
    gain = done.comparison.gain
    judged = f"on {gain.n:,} customers that neither had seen"
    name = f"{done.model}:{done.challenger}"
    if not done.comparison.better:
        return f"{name}, trained anew, was not clearly better {judged}: the champion stays."
    return (
        f"{name}, trained anew, was better {judged} (loss lower by {gain.value:.3f} "
        f"[{gain.low:.3f}, {gain.high:.3f}]), got 10% of the traffic, and was "
        f"{done.outcome.replace('_', ' ')}."
    )


def _seconds(status: release.Status) -> float:
    """Return how long a release took from its first row in the database to its outcome."""
    return status.release.updated - status.release.created if status.release else 0.0


def _rows(loop: Loop, customers: pl.DataFrame) -> list[traffic.Row]:
    return schema.conform(customers, loop.trained.bundle.signature, target=False).to_dicts()


def _send_labelled(loop: Loop, customers: pl.DataFrame) -> traffic.Sent:
    """Send every customer once, and tell the truth about each afterwards."""
    wanted = traffic.requests(_rows(loop, customers), customers["customer_id"].to_list())
    sent = traffic.send(loop.url, wanted)
    labels = pl.DataFrame(
        {"request_id": [request.id for request in wanted], "label": customers[telco.TARGET]}
    )
    path = loop.workspace.root / "labels.csv"
    labels.write_csv(path)
    add_file(loop.workspace, ENVIRONMENT, path)
    return sent


def _missing_from_log(loop: Loop, sent: traffic.Sent, *, since: float) -> int:
    log = reader.read(loop.workspace.environment(ENVIRONMENT) / "log", since=since)
    return len(sent.versions.keys() - set(log.table["request_id"].to_list()))


ACTIONS: dict[str, Callable[[Loop], Told]] = {
    "init": _init,
    "train": _train,
    "deploy": _deploy,
    "serve": _serve,
    "monitor": _monitor,
    "drift": _drift,
    "retrain": _retrain,
    "rollback": _rollback,
}
