import pytest

from mlwright.core.errors import NotFound, RemoteError
from mlwright.core.workspace import Workspace
from mlwright.deploy import releases
from mlwright.deploy.endpoint import Endpoint, find_endpoint

URL = "http://127.0.0.1:9001"


@pytest.fixture
def workspace(tmp_path):
    made = Workspace.create(tmp_path)
    with made.state.write() as connection:
        for name, url, wanted in (("staging", URL, "running"), ("production", None, "stopped")):
            releases.save_environment(
                connection,
                name,
                platform="local",
                wanted=wanted,
                settings={},
                url=url,
                model="churn",
                version=1,
                previous=None,
            )
    return made


@pytest.mark.parametrize("text", ["staging", "staging-churn", "staging-churn-model", URL])
def test_an_environment_is_named_in_several_ways(workspace, text):
    assert find_endpoint(workspace, text) == Endpoint(URL, "/predict", "staging", "churn")


def test_a_url_may_have_a_path(workspace):
    found = find_endpoint(workspace, "http://127.0.0.1:1/health/live", model="other")
    assert found == Endpoint("http://127.0.0.1:1", "/health/live", None, "other")
    assert find_endpoint(None, "https://example.org/").path == "/predict"


def test_another_model_answers_there(workspace):
    with pytest.raises(NotFound) as raised:
        find_endpoint(workspace, "staging-fraud-model")
    assert str(raised.value) == "staging answers with the model 'churn', not with 'fraud-model'"
    assert raised.value.hint == "mlwright status staging"


def test_what_is_not_there(workspace):
    with pytest.raises(NotFound) as raised:
        find_endpoint(workspace, "stagin")
    assert str(raised.value) == "no environment is named 'stagin'; did you mean 'staging'?"
    with pytest.raises(RemoteError) as refused:
        find_endpoint(workspace, "production")
    assert str(refused.value) == "nothing answers in production"
    assert refused.value.hint == "mlwright deploy MODEL production"
