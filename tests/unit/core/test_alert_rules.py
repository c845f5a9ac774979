import pytest

from mlwright.core.alert_rules import MEASURES, parse
from mlwright.core.errors import ConfigError
from mlwright.core.settings import read_settings


@pytest.mark.parametrize(
    ("text", "measure", "above", "limit"),
    [
        ("accuracy < 85%", "accuracy", False, 0.85),
        ("accuracy<0.85", "accuracy", False, 0.85),
        (">3 features drifted", "drifted_features", True, 3),
        ("drifted features > 3", "drifted_features", True, 3),
        ("p95 > 500ms", "p95", True, 0.5),
        ("p99 >= 1.5 s", "p99", True, 1.5),
        ("error rate > 1%", "error_rate", True, 0.01),
        (">1% of requests fail", "error_rate", True, 0.01),
        ("error_rate > 0.01", "error_rate", True, 0.01),
        ("rmse > 12.5", "rmse", True, 12.5),
    ],
)
def test_rules_are_read(text, measure, above, limit):
    rule = parse(text)
    assert (rule.measure, rule.above, rule.limit) == (measure, above, pytest.approx(limit))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "'' is not a rule; write it as accuracy < 85% or p95 > 500ms"),
        ("p95 = 3ms", "'p95 = 3ms' is not a rule; write it as accuracy < 85% or p95 > 500ms"),
        ("> 3", "'> 3' does not say what is measured; write it as p95 > 500ms"),
        ("acuracy < 1", "'acuracy < 1': no measure named 'acuracy'; did you mean 'accuracy'?"),
        ("zzz < 1", f"'zzz < 1': no measure named 'zzz'; known: {', '.join(sorted(MEASURES))}"),
        ("p95 > 3%", "'p95 > 3%': p95 is measured in ms or s, not in %"),
        ("p95 > 500", "'p95 > 500': p95 is measured in ms or s, not in no unit"),
        ("mae > 3%", "'mae > 3%': mae is measured in no unit, not in %"),
        (
            "accuracy > 85%",
            "'accuracy > 85%' would alert while all is well; did you mean 'accuracy < 85%'?",
        ),
        ("p95 > 5ms ever", "'p95 > 5ms ever': 'ever' after the limit is not understood"),
        ("f1 < 1.2.3", "'f1 < 1.2.3' is not a rule; write it as accuracy < 85% or p95 > 500ms"),
    ],
)
def test_what_is_no_rule_is_said(text, complaint):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole text is compared
        parse(text)
    assert str(caught.value) == complaint


def test_the_list_of_the_workflow_stands_as_it_is_written(tmp_path):
    (tmp_path / "mlwright.yaml").write_text(
        "alerts:\n  rules:\n    - Performance: accuracy < 85%\n"
        '    - Data drift: ">3 features drifted"\n    - Latency: p95 > 500ms\n'
        '    - Error rate: ">1% of requests fail"\n    - error rate: ">2%"\n    - p50 > 1s\n'
    )
    rules = read_settings(tmp_path).alerts.rules
    assert [rule.measure for rule in rules] == [
        "accuracy",
        "drifted_features",
        "p95",
        "error_rate",
        "error_rate",
        "p50",
    ]


def test_a_wrong_rule_is_named_with_its_place(tmp_path):
    path = tmp_path / "mlwright.yaml"
    path.write_text("alerts:\n  rules:\n    - accuracy < 85%\n    - p95 > fast\n    - 7\n")
    with pytest.raises(ConfigError) as caught:
        read_settings(tmp_path)
    assert str(caught.value) == (
        f"{path}:4:7: alerts.rules.1: 'p95 > fast' is not a rule; "
        "write it as accuracy < 85% or p95 > 500ms\n"
        "  4 |     - p95 > fast\n"
        f"{path}:5:7: alerts.rules.2: a rule is text, as accuracy < 85%; "
        "quote one that begins with >\n"
        "  5 |     - 7"
    )


def test_values_are_written_in_their_unit():
    assert parse("accuracy < 85%").written(0.85) == "85%"
    assert parse("p95 > 500ms").written(0.5) == "500 ms"
    assert parse("> 3 features drifted").written(4) == "4"


def test_the_limit_itself_belongs_to_the_inclusive_operators():
    assert not parse("accuracy < 85%").breaks(0.85)
    assert parse("accuracy <= 85%").breaks(0.85)
    assert parse("accuracy < 85%").breaks(0.84)
    assert not parse("error rate > 1%").breaks(0.005)
