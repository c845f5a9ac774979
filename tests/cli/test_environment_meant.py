"""Which environment a command means that names none."""

from __future__ import annotations

import pytest
from sqlalchemy import insert

from mlwright.cli.options import environment_meant
from mlwright.core.state import environments
from mlwright.core.workspace import Workspace


@pytest.mark.parametrize(
    ("there", "named", "meant"),
    [
        ([], None, "production"),
        (["staging"], None, "staging"),
        (["production", "staging"], None, "production"),
        (["blue", "green"], None, "production"),
        (["staging"], "blue", "blue"),
    ],
)
def test_the_one_named_else_the_only_one_else_production(tmp_path, there, named, meant):
    workspace = Workspace.create(tmp_path)
    with workspace.state.write() as connection:
        for name in there:
            row = {"name": name, "platform": "local", "wanted": "running", "settings": {}}
            connection.execute(insert(environments).values(**row, updated=0.0))
    assert environment_meant(workspace, named) == meant
