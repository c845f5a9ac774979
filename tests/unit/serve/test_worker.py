from __future__ import annotations

import asyncio
import os

import pytest

from mlwright.core.errors import ConfigError
from mlwright.serve.worker import _gone, read_spec


@pytest.mark.parametrize("content", [None, "{", "{}", '{"bundle": 1}'])
def test_a_spec_that_is_none_is_named(tmp_path, content):
    path = tmp_path / "spec.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError, match=r"spec\.json: not a worker's spec"):
        read_spec(path)


def test_a_parent_that_died_while_the_model_was_loaded_is_missed():
    async def run():
        stop = asyncio.Event()
        await asyncio.wait_for(_gone(os.getpid(), stop), 5)  # whose child we are not
        return stop.is_set()

    assert asyncio.run(run())
