"""Files for Prometheus and Alertmanager: what to scrape, record, and tell whom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from mlwright.core.alert_rules import AlertRule, parse
from mlwright.core.channels import (
    EmailChannel,
    PagerDutyChannel,
    SlackChannel,
    WebhookChannel,
)
from mlwright.core.files import write_atomic
from mlwright.core.settings import Settings
from mlwright.core.workspace import Workspace

RULES = "mlwright.rules.yml"
EXPORTER = "127.0.0.1:9464"
STALE = 2 * 86_400

_BY = "environment"
_RECORDED = {
    "mlwright:requests:rate5m": f"sum by ({_BY}) (rate(mlwright_requests_total[5m]))",
    "mlwright:failures:rate5m": (
        f'sum by ({_BY}) (rate(mlwright_requests_total{{status=~"5.."}}[5m])) '
        f"or sum by ({_BY}) (rate(mlwright_requests_total[5m])) * 0"
    ),
    "mlwright:error_rate:ratio5m": (
        "mlwright:failures:rate5m / (mlwright:requests:rate5m > 0) or mlwright:requests:rate5m * 0"
    ),
    **{
        f"mlwright:request_seconds:p{percent}_5m": (
            f"histogram_quantile({percent / 100:g}, "
            f"sum by ({_BY}, le) (rate(mlwright_request_seconds_bucket[5m])))"
        )
        for percent in (50, 95, 99)
    },
}
_FORMS = {"share": "humanizePercentage", "seconds": "humanizeDuration"}
_DEFAULTS = ("error rate > 1%", "p95 > 500ms")


def rules(settings: Settings) -> dict[str, Any]:
    """Return the recording and alert rules; those of `alerts.rules` with the same limits."""
    wanted = {rule.measure: rule for rule in map(parse, _DEFAULTS)}
    given = [*settings.alerts.rules]
    named = {rule.measure for rule in given}
    listed = [*given, *(rule for measure, rule in wanted.items() if measure not in named)]
    recorded = [{"record": name, "expr": expr} for name, expr in _RECORDED.items()]
    drift = [] if "drifted_features" in named else [_verdict("drift", "MlwrightDataDrift")]
    return {
        "groups": [
            {"name": "mlwright-recorded", "interval": "15s", "rules": recorded},
            {
                "name": "mlwright-alerts",
                "rules": [
                    *_alerts(listed),
                    *drift,
                    _verdict("degraded", "MlwrightPerformanceDegradation"),
                    _rule(
                        "MlwrightServerDown",
                        'up{job="mlwright"} == 0',
                        "1m",
                        "critical",
                        "{{ $labels.instance }} of {{ $labels.environment }} does not answer",
                        "mlwright status {{ $labels.environment }}",
                    ),
                    _rule(
                        "MlwrightChecksStopped",
                        f"time() - mlwright_check_timestamp_seconds > {STALE}",
                        "5m",
                        "warning",
                        "{{ $labels.environment }} was not checked for two days",
                        "mlwright monitor watch {{ $labels.environment }}",
                    ),
                ],
            },
        ]
    }


def _alerts(rules: Sequence[AlertRule]) -> Iterator[dict[str, Any]]:
    seen: Counter[str] = Counter()
    for rule in rules:
        seen[rule.measure] += 1
        again = seen[rule.measure]
        words = rule.measure.title().replace("_", "")
        yield _alert(rule, f"Mlwright{words}{f'_{again}' if again > 1 else ''}")


def _alert(rule: AlertRule, name: str) -> dict[str, Any]:
    live = rule.measure in ("p50", "p95", "p99", "error_rate")
    action = "mlwright status {{ $labels.environment }}"
    if not live:
        action = "mlwright retrain run --environment {{ $labels.environment }} --reason alert"
    form = _FORMS.get(rule.unit, "humanize")
    said = f"{rule.text} in {{{{ $labels.environment }}}}: {{{{ $value | {form} }}}}"
    return _rule(name, expression(rule), "2m" if live else "0s", "critical", said, action)


def expression(rule: AlertRule) -> str:
    """Return the expression that gives a series when the rule is broken.

    Metrics are held against the nearer end of their interval, as a check does.
    """
    sign = (">" if rule.above else "<") + ("=" if rule.inclusive else "")
    if rule.measure == "error_rate":
        value = "mlwright:error_rate:ratio5m"
    elif rule.unit == "seconds":
        value = f"mlwright:request_seconds:{rule.measure}_5m"
    elif rule.measure == "drifted_features":
        value = "mlwright_check_drifted_features"
    else:
        end = "low" if rule.above else "high"
        value = f'mlwright_check_metric_{end}{{metric="{rule.measure}"}}'
    return f"{value} {sign} {rule.limit:g}"


def _verdict(verdict: str, name: str) -> dict[str, Any]:
    words = {"drift": "data drift", "degraded": "performance degradation"}[verdict]
    reason = {"drift": "data_drift_detected", "degraded": "performance_degraded"}[verdict]
    return _rule(
        name,
        f'mlwright_check_verdict{{verdict="{verdict}"}} == 1',
        "0s",
        "warning" if verdict == "drift" else "critical",
        f"{words} of {{{{ $labels.model }}}} in {{{{ $labels.environment }}}}",
        f"mlwright retrain run --environment {{{{ $labels.environment }}}} --reason {reason}",
    )


def _rule(
    name: str, expr: str, lasting: str, severity: str, summary: str, action: str
) -> dict[str, Any]:
    return {
        "alert": name,
        "expr": expr,
        "for": lasting,
        "labels": {"severity": severity},
        "annotations": {"summary": summary, "action": action},
    }


def scrape(
    servers: Mapping[str, str], *, exporter: str = EXPORTER, alertmanager: str = "127.0.0.1:9093"
) -> dict[str, Any]:
    """Return Prometheus' configuration; `servers` are host:port by environment."""
    targets = [
        {"targets": [address], "labels": {"environment": name}} for name, address in servers.items()
    ]
    return {
        "global": {"scrape_interval": "15s", "evaluation_interval": "15s"},
        "rule_files": [RULES],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]},
        "scrape_configs": [
            {"job_name": "mlwright", "static_configs": targets},
            {"job_name": "mlwright-checks", "static_configs": [{"targets": [exporter]}]},
        ],
    }


def alertmanager(settings: Settings, root: Path) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return Alertmanager's configuration, and the channels that it cannot serve.

    Secrets are files that hold what the variables hold: Alertmanager reads no environment.
    """
    receiver: dict[str, Any] = {"name": "mlwright"}
    left = []
    for channel in settings.alerts.channels:
        made = _receiver(channel, root)
        if made is None:
            left.append(channel.label)
        else:
            receiver.setdefault(made[0], []).append(made[1])
    config = {
        "route": {
            "receiver": "mlwright",
            "group_by": ["alertname", "environment"],
            "group_wait": "10s",
            "group_interval": "1m",
            "repeat_interval": "12h",
        },
        "receivers": [receiver],
    }
    return config, tuple(left)


def _receiver(channel: Any, root: Path) -> tuple[str, dict[str, Any]] | None:
    both = {"send_resolved": True}
    if isinstance(channel, SlackChannel):
        said = "{{ range .Alerts }}{{ .Annotations.summary }}\n{{ .Annotations.action }}\n{{ end }}"
        return "slack_configs", {
            "api_url_file": _file(channel.webhook, root),
            "text": said,
            **both,
        }
    if isinstance(channel, PagerDutyChannel):
        return "pagerduty_configs", {
            "routing_key_file": _file(channel.key, root),
            "url": channel.url,
            **both,
        }
    if isinstance(channel, EmailChannel):
        return "email_configs", {
            "to": ", ".join(channel.to),
            "from": channel.sender or "mlwright@localhost",
            "smarthost": f"{channel.host}:{channel.port}",
            "require_tls": channel.security == "starttls",
            **both,
        }
    if isinstance(channel, WebhookChannel) and not channel.url.startswith("env:"):
        return "webhook_configs", {"url": channel.url, **both}
    return None


def _file(secret: str, root: Path) -> str:
    return str(root / "secrets" / secret.removeprefix("env:"))


def write(workspace: Workspace, folder: Path) -> tuple[dict[str, str], tuple[str, ...]]:
    """Write the three files; return name -> path, and the channels Alertmanager cannot serve."""
    config, left = alertmanager(workspace.settings, folder.resolve())
    values = {
        "prometheus.yml": scrape(addresses(workspace)),
        RULES: rules(workspace.settings),
        "alertmanager.yml": config,
    }
    for name, value in values.items():
        written = yaml.safe_dump(value, sort_keys=False, width=1000, allow_unicode=True)
        write_atomic(folder / name, written)
        (folder / name).chmod(0o644)  # they are read by servers with users of their own
    return {name: str(folder / name) for name in values}, left


def addresses(workspace: Workspace) -> dict[str, str]:
    """Return host:port of every environment that has one, for prometheus.yml."""
    from sqlalchemy import select

    from mlwright.core.state import environments

    table = environments.c
    with workspace.state.read() as connection:
        rows = connection.execute(select(table.name, table.url).order_by(table.name)).all()
    return {row.name: row.url.split("//")[-1].rstrip("/") for row in rows if row.url}
