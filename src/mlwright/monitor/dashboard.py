"""A Grafana dashboard of one model: what the server counts and what the checks found."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mlwright.core.backends import require
from mlwright.core.errors import ConfigError, RemoteError, did_you_mean

METRICS = ("accuracy", "precision", "recall", "f1", "auc", "log_loss", "mae", "rmse", "r2")
ESTIMATED = tuple(f"estimated_{name}" for name in METRICS[:6])  # before labels come
OF_QUESTIONS = ("refusals", "empty_retrievals", "cache_hits", "positive_feedback")
TOPICS = ("latency", "traffic", "errors", "drift_score", "verdict", "answers")
DEFAULT = ("accuracy", "precision", "recall", "latency", "traffic", "errors", "drift_score")
_SHARES = {*METRICS[:5], *ESTIMATED[:5], *OF_QUESTIONS}
_ENVIRONMENT = 'environment=~"$environment"'


@dataclass(frozen=True, slots=True)
class Query:
    """One line or more of a panel, and what they are called."""

    expr: str
    legend: str


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel before Grafana's own form: `unit` is one of Grafana's names."""

    title: str
    unit: str
    queries: tuple[Query, ...]
    description: str = ""


def panels(model: str, metrics: Sequence[str] = DEFAULT) -> tuple[Panel, ...]:
    """Return the panels for these metrics and topics, in the order given.

    Raises:
        ConfigError: one of them is not known.
    """
    return tuple(panel for name in dict.fromkeys(metrics) for panel in _panels(name, model))


def _panels(name: str, model: str) -> Iterator[Panel]:
    where = f'{{{_ENVIRONMENT},model="{_quoted(model)}"}}'
    live = f"{{{_ENVIRONMENT}}}"
    if name in (*METRICS, *ESTIMATED, *OF_QUESTIONS):
        yield _metric(name, model)
    elif name == "latency":
        quantiles = (("0.5", "p50"), ("0.95", "p95"), ("0.99", "p99"))
        inner = f"sum by (environment, le) (rate(mlwright_request_seconds_bucket{live}[5m]))"
        yield Panel(
            "Latency",
            "s",
            tuple(
                Query(f"histogram_quantile({q}, {inner})", f"{label} {{{{environment}}}}")
                for q, label in quantiles
            ),
        )
    elif name == "traffic":
        by = "sum by (environment, version)"
        rows = Query(f"{by} (rate(mlwright_rows_total{live}[5m]))", "version {{version}}")
        yield Panel("Predictions per second", "reqps", (rows,))
        yield Panel("Waiting requests", "short", (Query(f"mlwright_queue{live}", "waiting"),))
    elif name == "errors":
        failed = Query(f"mlwright:error_rate:ratio5m{live}", "failed {{environment}}")
        about = "Recorded by mlwright.rules.yml, which mlwright monitor rules writes"
        yield Panel("Failed requests", "percentunit", (failed,), about)
    elif name == "drift_score":
        score = Query(f"topk(10, mlwright_check_drift_score{where})", "{{feature}}")
        about = "KS D or total variation against the training data; a check speaks above its floor"
        yield Panel("Drift by feature", "none", (score,), about)
        count = Query(f"mlwright_check_drifted_features{where}", "{{environment}}")
        yield Panel("Features that drifted", "short", (count,))
    elif name == "verdict":
        found = Query(f"mlwright_check_verdict{where} == 1", "{{verdict}}")
        yield Panel("Verdict of the newest check", "short", (found,))
    elif name == "answers":
        for title, counter, label in (
            ("Answers per second", "answers", "kind"),
            ("Ratings per second", "feedback", "sign"),
        ):
            rate = f"sum by (environment, {label}) (rate(mlwright_{counter}_total{live}[5m]))"
            yield Panel(title, "reqps", (Query(rate, f"{{{{{label}}}}} {{{{environment}}}}"),))
    else:
        known = (*METRICS, *ESTIMATED, *OF_QUESTIONS, *TOPICS)
        raise ConfigError(
            f"no panel for {name!r}{did_you_mean(name, known)}", hint=f"known: {', '.join(known)}"
        )


def _metric(name: str, model: str) -> Panel:
    where = f'{{{_ENVIRONMENT},model="{_quoted(model)}",metric="{name}"}}'
    unit = "percentunit" if name in _SHARES else "none"
    parts = {"": "now", "_low": "low", "_high": "high"}
    about = "The newest check's labelled rows, with the interval of the value"
    if name in ESTIMATED:
        about = "What labels would show if the probabilities are right, with its interval"
    elif name in OF_QUESTIONS:
        parts["_baseline"] = "before"
        about = "The newest check's questions, with the interval of the value"
    else:
        parts["_baseline"] = "when trained"
    queries = tuple(
        Query(f"mlwright_check_metric{part}{where}", word) for part, word in parts.items()
    )
    return Panel(name.replace("_", " ").capitalize(), unit, queries, about)


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def dashboard(model: str, metrics: Sequence[str] = DEFAULT) -> dict[str, Any]:
    """Return the dashboard as Grafana imports it.

    Raises:
        ConfigError: a metric is not known.
        MissingExtra: grafana-foundation-sdk is not installed.
    """
    made = panels(model, metrics)
    require("grafana_foundation_sdk", extra="grafana", needed_by="a Grafana dashboard")
    from grafana_foundation_sdk.builders import dashboard as build
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.models.dashboard import DataSourceRef

    source = DataSourceRef(type_val="prometheus", uid="${datasource}")
    values = "label_values(mlwright_requests_total, environment)"
    page = (
        build.Dashboard(f"mlwright: {model}")
        .uid(_uid(model))
        .tags(["mlwright", "generated"])
        .refresh("30s")
        .time("now-6h", "now")
        .with_variable(build.DatasourceVariable("datasource").type("prometheus"))
        .with_variable(
            build.QueryVariable("environment")
            .datasource(source)
            .query(values)
            .include_all(True)
            .all_value(".+")
            .multi(True)
        )
    )
    for panel in made:
        page = page.with_panel(_drawn(panel, source))
    built: dict[str, Any] = json.loads(JSONEncoder(sort_keys=True).encode(page.build()))
    return built


def _drawn(panel: Panel, source: Any) -> Any:
    from grafana_foundation_sdk.builders import prometheus, timeseries

    drawn = timeseries.Panel().title(panel.title).unit(panel.unit).datasource(source)
    if panel.description:
        drawn = drawn.description(panel.description)
    for place, query in enumerate(panel.queries):
        target = prometheus.Dataquery().expr(query.expr).legend_format(query.legend)
        drawn = drawn.with_target(target.ref_id(chr(ord("A") + place)))
    return drawn.height(8).span(12)


def _uid(model: str) -> str:
    """Return a name that stays, so that a second import replaces the first."""
    import hashlib

    return f"mlwright-{hashlib.sha256(model.encode()).hexdigest()[:12]}"


def upload(made: dict[str, Any], url: str, *, token: str | None = None) -> str:
    """Bring the dashboard into a Grafana; return its address.

    Raises:
        RemoteError: Grafana did not take it.
    """
    from mlwright.alerts.post import post

    headers = {"authorization": f"Bearer {token}"} if token else {}
    value = {"dashboard": made, "overwrite": True, "message": "written by mlwright"}
    address = url.rstrip("/")
    try:
        answer = post(f"{address}/api/dashboards/db", value, to="grafana", headers=headers)
    except RemoteError as exc:
        hint = "is --grafana-url right, and may --grafana-token write dashboards?"
        raise RemoteError(str(exc), hint=hint) from exc
    try:
        path = str(json.loads(answer).get("url", ""))
    except (ValueError, AttributeError):
        path = ""
    return address + path
