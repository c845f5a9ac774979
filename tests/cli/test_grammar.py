"""What every command keeps to: help with an example, both spellings, exit codes, no traceback."""

import inspect
import json
import subprocess
import sys

import click
import pytest

from mlwright.cli import main as entry
from mlwright.cli.main import COMMANDS, cli, main
from mlwright.cli.options import Command, normalise


def leaves() -> dict[str, click.Command]:
    found: dict[str, click.Command] = {}
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        if isinstance(command, click.Group):
            found.update({f"{name} {sub}": leaf for sub, leaf in command.commands.items()})
        else:
            found[name] = command
    return found


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_repeats_the_commands_own_help(name):
    command = cli.get_command(click.Context(cli), name)
    first, _, _ = inspect.cleandoc(command.help).partition("\n\n")
    assert " ".join(first.split()) == COMMANDS[name][1]


@pytest.mark.parametrize("name", leaves())
def test_help_has_an_example_that_parses(name, capsys):
    command = leaves()[name]
    assert main([*name.split(), "--help"]) == 0
    shown = capsys.readouterr().out
    assert isinstance(command, Command)
    for example in command.example.splitlines():
        assert example in " ".join(shown.split())
        words = example.split()
        assert words[0] == "mlwright"
        assert words[1 : 1 + len(name.split())] == name.split()
        arguments = words[1 + len(name.split()) :]
        command.make_context(name, arguments)  # raises where the example does not fit


@pytest.mark.parametrize("name", leaves())
def test_every_option_is_explained(name):
    for option in leaves()[name].params:
        if isinstance(option, click.Option):
            assert option.help, option.name


def test_the_list_of_commands_loads_none_of_them():
    code = (
        "import sys; from mlwright.cli.main import main; main(['--help'])\n"
        "loaded = {name.split('.')[0] for name in sys.modules}\n"
        "bad = loaded & {'numpy', 'polars', 'pydantic', 'sqlalchemy', 'rich', 'mlflow', 'yaml'}\n"
        "bad |= {n for n in sys.modules if n.startswith('mlwright.cli.')} - "
        "{'mlwright.cli.main', 'mlwright.cli.options'}\n"
        "sys.exit(f'loaded {bad}' if bad else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_the_package_itself_loads_neither_numpy_nor_a_vendor():
    code = (
        "import sys; before = set(sys.modules); import mlwright\n"
        "new = {n.split('.')[0] for n in set(sys.modules) - before}\n"
        "sys.exit(f'loaded {new}' if new - {'mlwright'} - set(sys.stdlib_module_names) else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_public_names_are_there():
    import mlwright

    assert len(mlwright.__all__) <= 12
    for name in mlwright.__all__:
        assert getattr(mlwright, name).__name__ == name
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = mlwright.nothing


def test_an_unknown_command_gets_the_nearest(capsys):
    assert main(["trian"]) == 2
    assert "no command named 'trian'; did you mean 'train'?" in capsys.readouterr().err


def test_an_unknown_option_is_a_user_error(capsys):
    assert main(["models", "list", "--jsn"]) == 2
    assert "No such option '--jsn'" in capsys.readouterr().err


@pytest.mark.parametrize(
    "spelling",
    [
        ["--fail-on-drift"],
        ["--fail_on_drift"],
        ["--fail-on-drift", "true"],
        ["--fail_on_drift", "True"],
    ],
)
def test_both_spellings_and_a_boolean_after_a_flag(spelling):
    check = leaves()["monitor check"]
    context = check.make_context(
        "check", [*spelling, "staging"], parent=click.Context(cli, token_normalize_func=normalise)
    )
    assert context.params["fail_on_drift"] is True
    assert context.params["environment"] == "staging"


def test_false_after_a_flag_turns_it_off():
    check = leaves()["monitor check"]
    context = check.make_context("check", ["--fail-on-drift", "false", "staging"])
    assert context.params["fail_on_drift"] is False
    assert context.params["environment"] == "staging"


def test_a_word_after_two_dashes_is_left_alone():
    check = leaves()["monitor check"]
    context = check.make_context("check", ["--fail-on-drift", "--", "true"])
    assert context.params["environment"] == "true"


def test_without_a_workspace_the_next_step_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["models", "list"]) == 2
    assert capsys.readouterr().err == (
        f"error: no workspace in {tmp_path} or above\n"
        "hint: mlwright init, or mlwright train --data FILE --target COLUMN\n"
    )


def test_a_bug_of_ours_shows_no_traceback(monkeypatch, capsys):
    def broken(**_: object) -> int:
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr(entry.cli, "main", broken)
    assert main([]) == 1
    shown = capsys.readouterr().err
    assert shown.startswith("error: a bug in mlwright: ZeroDivisionError: by nothing\nhint: set")
    assert "Traceback" not in shown


def test_a_reader_that_goes_away_is_no_error(tmp_path):
    done = subprocess.run(
        f"{sys.executable} -m mlwright --help | head -n 1",
        shell=True,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("Usage: mlwright")
    assert done.stderr == ""


def test_config_show_prints_references_never_secrets(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRACK", "s3cr3t")
    assert main(["init", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"workspace": str(tmp_path)}
    (tmp_path / "mlwright.yaml").write_text("tracking: {token: env:TRACK}\n")
    assert main(["config", "show"]) == 0
    shown = capsys.readouterr().out
    assert "env:TRACK" in shown
    assert "s3cr3t" not in shown


def test_a_wrong_key_is_named_with_its_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["init"]) == 0
    (tmp_path / "mlwright.yaml").write_text("model:\n  datset: x.csv\n")
    capsys.readouterr()
    assert main(["config", "show"]) == 2
    assert capsys.readouterr().err == (
        f"error: {tmp_path}/mlwright.yaml:2:3: model.datset: unknown key; did you mean 'dataset'?\n"
        "  2 |   datset: x.csv\n"
        "hint: mend mlwright.yaml and run the command again\n"
    )
