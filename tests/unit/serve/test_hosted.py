from __future__ import annotations

import pytest

from mlwright.core.errors import ConfigError, NotFound
from mlwright.serve.hosted import hosted_model, hosted_port


def test_ports_that_platforms_name():
    assert hosted_port({}) is None
    assert hosted_port({"AIP_HTTP_PORT": "8081"}) == 8081
    assert hosted_port({"SAGEMAKER_BIND_TO_PORT": "9000"}) == 9000
    for wrong in ("", "0", "x", "70000", "-1"):
        with pytest.raises(ConfigError, match="AIP_HTTP_PORT is no port"):
            hosted_port({"AIP_HTTP_PORT": wrong})


def test_the_bundle_that_a_platform_put_there_is_found(tmp_path):
    with pytest.raises(NotFound) as caught:
        hosted_model({}, folder=tmp_path)
    assert str(caught.value) == f"no MODEL is named, and {tmp_path} holds no bundle"
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "bundle.json").touch()
    assert hosted_model({}, folder=tmp_path) == tmp_path / "a" / "b"
    assert hosted_model({"AZUREML_MODEL_DIR": str(tmp_path / "a")}) == tmp_path / "a" / "b"
    (tmp_path / "a" / "c").mkdir()
    (tmp_path / "a" / "c" / "bundle.json").touch()
    with pytest.raises(NotFound, match="holds 2 bundles"):
        hosted_model({}, folder=tmp_path)
