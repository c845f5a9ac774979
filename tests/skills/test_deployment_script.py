"""The deployment script, with the flags that users know, verbatim."""

import subprocess
import sys
from pathlib import Path

from mlwright.core.workspace import Workspace
from mlwright.deploy import release
from mlwright.testing.target import sample_bundle
from mlwright.track import models

SCRIPT = (
    Path(__file__).parents[2]
    / "skills"
    / "senior-ml-engineer"
    / "scripts"
    / "model_deployment_pipeline.py"
)


def script(folder, *arguments):
    command = [sys.executable, str(SCRIPT), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_it_has_no_logic_of_its_own():
    lines = SCRIPT.read_text().splitlines()
    assert len(lines) == 8
    assert lines[-1].startswith("    sys.exit(main([")


def test_a_platform_that_is_not_there_is_named(tmp_path):
    workspace = Workspace.create(tmp_path)
    bundle = sample_bundle(workspace.bundles)
    models.register(workspace, "tiny", bundle)
    done = script(tmp_path, str(bundle.path), "staging", "--platform", "locall", "--verbose")
    assert done.returncode == 2
    assert "no target named 'locall'; did you mean 'local'?" in done.stderr


def test_the_workflow_as_it_is_written(tmp_path):
    workspace = Workspace.create(tmp_path)
    one, two = (sample_bundle(workspace.bundles, slope=slope) for slope in (0.1, 0.2))
    for bundle in (one, two):
        models.register(workspace, "tiny", bundle)
    flags = ("--instance_type", "ml.m5.xlarge", "--auto_scaling", "true")
    try:
        done = script(tmp_path, str(one.path), "production", "--verbose", *flags)
        assert done.returncode == 0, done.stderr
        assert "instance_type ml.m5.xlarge is recorded; it means nothing on local" in done.stderr
        flags = ("--deployment_strategy", "blue_green", "--canary_percentage", "10")
        done = script(tmp_path, str(two.path), "production", *flags, "--timeout", "5s")
        assert done.returncode == 5
        assert " after 5s, and that goes on" in done.stderr
    finally:
        release.stop_all(workspace)
