from __future__ import annotations

import pytest

from mlwright.core.errors import ConfigError
from mlwright.serve.worker import read_spec


@pytest.mark.parametrize("content", [None, "{", "{}", '{"bundle": 1}'])
def test_a_spec_that_is_none_is_named(tmp_path, content):
    path = tmp_path / "spec.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError, match=r"spec\.json: not a worker's spec"):
        read_spec(path)
