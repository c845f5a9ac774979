"""What the commands around a running model say when something is wrong or unfinished."""

import pytest

from mlwright.cli.main import main
from mlwright.cli.status import show
from mlwright.cli.train import _against_linear
from mlwright.core.errors import NotFound
from mlwright.core.workspace import Workspace
from mlwright.deploy import release
from mlwright.deploy.release import Status
from mlwright.stats.intervals import Interval
from mlwright.track import mirror


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Workspace.create(tmp_path)


def status(**changed: object) -> Status:
    known = {
        "environment": "production",
        "platform": "local",
        "url": "http://127.0.0.1:8080",
        "model": "churn",
        "versions": (),
        "release": None,
        "outcome": "live",
        "reason": "",
        "supervisor": "running",
        "incident": None,
        "updated": 0.0,
    }
    return Status(**known | changed)


@pytest.mark.parametrize(
    ("gain", "said"),
    [
        ((0.2, 0.1, 0.3), "Loss below the linear baseline's by 0.2000 [0.1000, 0.3000]: better."),
        (
            (0.1, -0.1, 0.3),
            "Loss below the linear baseline's by 0.1000 [-0.1000, 0.3000]: within noise.",
        ),
        ((-0.2, -0.3, -0.1), "Loss above the linear baseline's by 0.2000 [0.1000, 0.3000]: worse."),
    ],
)
def test_a_model_that_is_worse_than_a_linear_one_is_called_worse(gain, said):
    assert _against_linear(Interval(*gain, 100)) == said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--workers", "0"], "Invalid value for '--workers': 0 is not in the range 1<=x<=64."),
        (["--port", "-1"], "Invalid value for '--port': -1 is not in the range 0<=x<=65535."),
        (["--port", "70000"], "Invalid value for '--port': 70000 is not in the range 0<=x<=65535."),
    ],
)
def test_serving_refuses_what_would_answer_nobody(arguments, message, capsys):
    assert main(["serve", "churn", *arguments]) == 2
    assert capsys.readouterr().err.endswith(f"Error: {message}\n")


@pytest.mark.parametrize(
    ("arguments", "window"),
    [
        (["--since", "1h", "--until", "2h"], "from 1h until 2h"),
        (["--since", "2999-01-01T00:00:00Z"], "from 2999-01-01T00:00:00Z until now"),
    ],
)
def test_a_window_that_ends_before_it_begins_is_no_lack_of_data(arguments, window, capsys):
    assert main(["monitor", "check", *arguments]) == 2
    assert capsys.readouterr().err == (
        f"error: the window {window} ends before it begins\n"
        "hint: write the earlier moment after --since, as --since 2h --until 1h\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--guard", "p95"],
            "error: --guard 'p95' has no limit\nhint: write --guard error_rate=1%\n",
        ),
        (
            ["--steps", "a,b"],
            "error: --steps 'a,b' are not percentages\nhint: write --steps 5,25,50\n",
        ),
    ],
)
def test_what_is_wrong_with_an_option_of_a_rollout_is_said(arguments, message, capsys):
    assert main(["deploy", "churn", "production", *arguments]) == 2
    assert capsys.readouterr().err == message


class Planned:
    def text(self) -> str:
        return ""


@pytest.fixture
def deploying(monkeypatch):
    """Let a deployment end as it is told to."""

    def ends(outcome: str | BaseException) -> None:
        def deploy(*_: object, **__: object) -> Status:
            if isinstance(outcome, BaseException):
                raise outcome
            return status(outcome=outcome)

        monkeypatch.setattr(release, "deploy", deploy)

    monkeypatch.setattr(release, "plan", lambda *_, **__: Planned())
    monkeypatch.setattr(mirror, "flush", lambda *_, **__: None)
    return ends


def test_a_rollout_that_outlasts_the_wait_is_said_to_go_on(deploying, capsys):
    deploying("rolling")
    assert main(["deploy", "churn:2", "production", "--timeout", "5s"]) == 5
    assert capsys.readouterr().err == (
        "error: churn:2 is still being rolled out after 5s, and that goes on\n"
        "hint: mlwright status production shows it; promote or rollback ends it\n"
    )
    assert main(["deploy", "churn:2", "production", "--detach"]) == 0
    assert capsys.readouterr().err == ""


def test_an_interrupted_deployment_says_that_it_goes_on(deploying, capsys):
    deploying(KeyboardInterrupt())
    assert main(["deploy", "churn:2", "production"]) == 130
    assert capsys.readouterr().err == (
        "\nwhat has begun goes on by itself: mlwright status production shows it\n\n"
        "error: interrupted\n"
    )


def test_an_environment_without_its_supervisor_is_said_to_be(capsys):
    show(status())
    assert "supervisor" not in capsys.readouterr().out
    show(status(supervisor="down"))
    assert (
        "supervisor  down: nothing starts workers anew; "
        "mlwright deploy --resume production brings it back\n" in capsys.readouterr().out
    )


def test_doctor_survives_what_it_looks_for(monkeypatch, capsys):
    def refused(_: Workspace) -> list[str]:
        raise NotFound("state.db: attempt to write a readonly database")

    monkeypatch.setattr(release, "environments", refused)
    assert main(["doctor"]) == 5
    out, err = capsys.readouterr()
    assert "NO   environments" in out
    assert err == "error: not as it should be: environments\n"
