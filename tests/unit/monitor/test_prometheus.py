# ruff: noqa: E501 - the series of promtool are lines
import json
import shutil
import subprocess

import pytest
import yaml

from mlwright.core.alert_rules import MEASURES, parse
from mlwright.core.settings import read_settings
from mlwright.monitor.prometheus import RULES, alertmanager, expression, rules, scrape, write

CONFIG = """\
alerts:
  channels:
    - {type: slack, webhook: env:SLACK}
    - {type: pagerduty, key: env:PD}
    - {type: email, to: 'a@b.org', security: starttls}
    - {type: webhook, url: 'http://127.0.0.1:9/hook'}
    - {type: file, path: alerts.txt}
  rules: ["accuracy < 85%", "> 3 features drifted", "p95 > 500ms", "error rate > 1%", "p95 > 2s"]
"""

TESTS = """\
rule_files: [mlwright.rules.yml]
evaluation_interval: 15s
tests:
  - interval: 15s
    input_series:
      - {series: 'mlwright_requests_total{environment="production",status="200"}', values: '0+90x80'}
      - {series: 'mlwright_requests_total{environment="production",status="503"}', values: '0+10x80'}
      - {series: 'mlwright_requests_total{environment="staging",status="200"}', values: '0+90x80'}
      - {series: 'mlwright_request_seconds_bucket{environment="production",version="1",le="0.5"}', values: '0+1x80'}
      - {series: 'mlwright_request_seconds_bucket{environment="production",version="1",le="1.0"}', values: '0+100x80'}
      - {series: 'mlwright_request_seconds_bucket{environment="production",version="1",le="+Inf"}', values: '0+100x80'}
      - {series: 'mlwright_check_drifted_features{environment="production",model="churn"}', values: '3x40 4x40'}
      - {series: 'mlwright_check_metric_high{environment="production",model="churn",metric="accuracy"}', values: '0.9x40 0.8x40'}
      - {series: 'up{job="mlwright",environment="staging",instance="a:1"}', values: '1x40 0x40'}
    promql_expr_test:
      - expr: mlwright:error_rate:ratio5m
        eval_time: 10m
        exp_samples:
          - {labels: 'mlwright:error_rate:ratio5m{environment="production"}', value: 0.1}
          - {labels: 'mlwright:error_rate:ratio5m{environment="staging"}', value: 0}
    alert_rule_test:
      - eval_time: 5m
        alertname: MlwrightDriftedFeatures
        exp_alerts: []
      - eval_time: 5m
        alertname: MlwrightAccuracy
        exp_alerts: []
      - eval_time: 15m
        alertname: MlwrightDriftedFeatures
        exp_alerts:
          - exp_labels: {severity: critical, environment: production, model: churn}
            exp_annotations:
              summary: '> 3 features drifted in production: 4'
              action: mlwright retrain run --environment production --reason alert
      - eval_time: 15m
        alertname: MlwrightAccuracy
        exp_alerts:
          - exp_labels: {severity: critical, environment: production, model: churn, metric: accuracy}
            exp_annotations:
              summary: 'accuracy < 85% in production: 80%'
              action: mlwright retrain run --environment production --reason alert
      - eval_time: 15m
        alertname: MlwrightErrorRate
        exp_alerts:
          - exp_labels: {severity: critical, environment: production}
            exp_annotations:
              summary: 'error rate > 1% in production: 10%'
              action: mlwright status production
      - eval_time: 15m
        alertname: MlwrightP95_2
        exp_alerts: []
      - eval_time: 15m
        alertname: MlwrightServerDown
        exp_alerts:
          - exp_labels: {severity: critical, environment: staging, job: mlwright, instance: 'a:1'}
            exp_annotations:
              summary: a:1 of staging does not answer
              action: mlwright status staging
"""


@pytest.fixture
def written(workspace):
    (workspace.root / "mlwright.yaml").write_text(CONFIG)
    folder = workspace.root / "monitoring"
    files, left = write(workspace, folder)
    assert left == ("file alerts.txt",)
    assert list(files) == ["prometheus.yml", RULES, "alertmanager.yml"]
    return folder


def run(folder, *command):
    tool = shutil.which(command[0])
    if tool is None:
        pytest.skip(f"{command[0]} is not installed (Debian: prometheus, prometheus-alertmanager)")
    done = subprocess.run([tool, *command[1:]], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_promtool_takes_the_configuration_and_the_rules(written):
    assert "SUCCESS: 14 rules found" in run(
        written, "promtool", "check", "config", "prometheus.yml"
    )


@pytest.mark.parametrize("inclusive", [False, True])
def test_promtool_takes_every_rule_that_can_be_written(workspace, inclusive):
    listed = [rule_on(measure, "=" if inclusive else "") for measure in MEASURES]
    (workspace.root / "mlwright.yaml").write_text(f"alerts: {{rules: {json.dumps(listed)}}}")
    folder = workspace.root / "monitoring"
    write(workspace, folder)
    groups = yaml.safe_load((folder / RULES).read_text())["groups"]
    alerts = {rule["alert"]: rule["expr"] for rule in groups[1]["rules"]}
    assert len(alerts) == len(MEASURES) + 3  # a verdict, and what has stopped
    sign = "<=" if inclusive else "<"
    assert alerts["MlwrightEstimatedAveragePrecision"] == (
        f'mlwright_check_metric_high{{metric="estimated_average_precision"}} {sign} 0.05'
    )
    shown = run(folder, "promtool", "check", "rules", RULES)
    assert f"SUCCESS: {len(alerts) + len(groups[0]['rules'])} rules found" in shown


def rule_on(measure, equal):
    limit = {"share": "5%", "number": "0.5", "seconds": "750ms", "count": "3"}[MEASURES[measure]]
    try:
        return parse(f"{measure} >{equal} {limit}").text
    except ValueError:  # it falls where it gets worse
        return parse(f"{measure} <{equal} {limit}").text


def test_amtool_takes_the_receivers(written):
    secrets = written / "secrets"
    secrets.mkdir()
    for name in ("SLACK", "PD"):
        (secrets / name).write_text("https://x/y")
    shown = run(written, "amtool", "check-config", "alertmanager.yml")
    assert "1 receivers" in shown


def test_the_rules_fire_when_they_should_and_not_before(written):
    (written / "tests.yml").write_text(TESTS)
    assert "SUCCESS" in run(written, "promtool", "test", "rules", "tests.yml")


@pytest.mark.parametrize(
    ("rule", "wanted"),
    [
        ("accuracy < 85%", 'mlwright_check_metric_high{metric="accuracy"} < 0.85'),
        ("rmse >= 12", 'mlwright_check_metric_low{metric="rmse"} >= 12'),
        ("p99 > 1s", "mlwright:request_seconds:p99_5m > 1"),
        ("error rate > 1%", "mlwright:error_rate:ratio5m > 0.01"),
        ("> 3 features drifted", "mlwright_check_drifted_features > 3"),
    ],
)
def test_a_rule_means_the_same_in_prometheus(rule, wanted):
    assert expression(parse(rule)) == wanted


def test_without_rules_the_guards_limits_and_the_verdicts_stand(tmp_path):
    (_, alerts) = rules(read_settings(tmp_path))["groups"]
    assert [rule["alert"] for rule in alerts["rules"]] == [
        "MlwrightErrorRate",
        "MlwrightP95",
        "MlwrightDataDrift",
        "MlwrightPerformanceDegradation",
        "MlwrightServerDown",
        "MlwrightChecksStopped",
    ]


def test_servers_carry_their_environment():
    made = scrape({"production": "127.0.0.1:8080"})
    assert made["scrape_configs"][0]["static_configs"] == [
        {"targets": ["127.0.0.1:8080"], "labels": {"environment": "production"}}
    ]


def test_no_secret_is_in_the_receivers(tmp_path, monkeypatch):
    monkeypatch.setenv("SLACK", "https://hooks/S3CR3T")
    (tmp_path / "mlwright.yaml").write_text(CONFIG)
    made, _ = alertmanager(read_settings(tmp_path), tmp_path)
    assert "S3CR3T" not in yaml.safe_dump(made)
    (receiver,) = made["receivers"]
    assert receiver["slack_configs"][0]["api_url_file"] == str(tmp_path / "secrets" / "SLACK")
