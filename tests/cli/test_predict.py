"""What `mlwright predict` takes: a file or a stream, and each with its own options."""

import pytest

from mlwright.cli.main import main


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Error: give --input and --output, or --stream"),
        (["--input", "a.csv"], "Error: give --input and --output, or --stream"),
        (
            ["--stream", "redis://h/s", "--input", "a"],
            "Error: --input is for files, not for --stream",
        ),
        (
            ["--stream", "redis://h/s", "--on-error", "skip"],
            "Error: --on-error is for files, not for",
        ),
        (["--input", "a", "--output", "b", "--group", "g"], "Error: --group is for --stream alone"),
        (
            ["--input", "a", "--output", "b", "--claim-after", "5"],
            "Error: --claim-after is for --stream",
        ),
        (["--stream", "rows"], "error: the address of the stream cannot be read"),
        (["--stream", "redis://:pw@h/rows"], "error: a password on the command line is seen by"),
        (
            ["--stream", "env:NO_SUCH_NAME"],
            "error: the environment variable NO_SUCH_NAME is not set",
        ),
    ],
)
def test_options_that_do_not_go_together(arguments, said, capsys, workspace):
    assert main(["predict", "churn", *arguments, "--workspace", str(workspace.root)]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("name", ["serve churn", "rag serve"])
def test_servers_share_their_options(name, capsys, tmp_path):
    (tmp_path / "c.pem").touch()
    one = ["--tls-cert", str(tmp_path / "c.pem")]
    assert main([*name.split(), *one]) == 2
    assert "--tls-cert and --tls-key belong together" in capsys.readouterr().err
    assert main([*name.split(), "--api-keys", "in-clear"]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "keys are named by environment variables, env:NAME[,env:NAME], never in clear" in said
