from pathlib import Path
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from mlwright.core import config
from mlwright.core.errors import ConfigError
from mlwright.core.settings import Settings, read_settings


class Ks(config.Section):
    kind: Literal["ks"]
    alpha: float = Field(0.05, gt=0, lt=1)


class Psi(config.Section):
    kind: Literal["psi"]
    limit: float = 0.2


class Watch(config.Section):
    tests: tuple[Annotated[Ks | Psi, Field(discriminator="kind")], ...] = ()
    hours: int = 24


class File(config.Section):
    name: str
    watch: Watch = Watch()
    places: dict[str, Watch] = Field(default_factory=dict)
    key: config.Secret | None = None


def complaint(tmp_path: Path, text: str, model=File) -> str:
    path = tmp_path / "f.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as info:
        config.load(path, model)
    return str(info.value).replace(f"{tmp_path}/", "")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "name: x\nwatch:\n  hours: soon\n",
            "f.yaml:3:3: watch.hours: Input should be a valid integer, unable to parse string as "
            "an integer\n  3 |   hours: soon",
        ),
        (
            "name: x\nwatch:\n  hour: 3\n",
            "f.yaml:3:3: watch.hour: unknown key; did you mean 'hours'?\n  3 |   hour: 3",
        ),
        (
            "name: x\nplaces:\n  north:\n    zzz: 3\n",
            "f.yaml:4:5: places.north.zzz: unknown key; known: hours, tests\n  4 |     zzz: 3",
        ),
        ("watch: {}\n", "f.yaml:1:1: name: is missing\n  1 | watch: {}"),
        (
            "name: x\nwatch:\n  tests:\n    - kind: ks\n      alpha: 7\n",
            "f.yaml:5:7: watch.tests.0.alpha: Input should be less than 1\n  5 |       alpha: 7",
        ),
        (
            "name: x\nname: y\n",
            "f.yaml:2:1: name: key given twice, first on line 1\n  2 | name: y",
        ),
        ("", "f.yaml: name: is missing"),
        (
            "- a\n",
            "f.yaml:1:1: the file: Input should be a valid dictionary or instance of File\n"
            "  1 | - a",
        ),
        (
            "name: x\nkey: s3cr3t\n",
            "f.yaml:2:1: key: a secret is written as a reference, env:NAME, never in clear\n"
            "  2 | key: s3cr3t",
        ),
    ],
)
def test_a_complaint_names_line_column_key_and_reason(tmp_path, text, message):
    assert complaint(tmp_path, text) == message


def test_what_is_not_yaml_is_said_with_its_line(tmp_path):
    assert complaint(tmp_path, "name: [x\nwatch: 3\n").startswith("f.yaml:2:")


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("=", "f.yaml:1:1: could not determine a constructor"),
        ("name: !mine x\n", "f.yaml:1:7: could not determine a constructor"),
        ("name: !!python/object:os.system {}\n", "f.yaml:1:7: could not determine"),
        ("name: 2026-02-31\n", "f.yaml: holds what YAML cannot read: day is out of range"),
    ],
)
def test_a_value_that_yaml_cannot_make_is_a_complaint(tmp_path, text, start):
    assert complaint(tmp_path, text).startswith(start)


def test_all_complaints_come_at_once(tmp_path):
    text = "nam: x\nwatch:\n  hours: soon\n  hours: 3\n  tests:\n    - kind: ks\n      alfa: 1\n"
    found = complaint(tmp_path, text)
    for part in (":1:1: nam:", ":4:3: watch.hours: key given twice", "did you mean 'alpha'?"):
        assert part in found


def test_aliases_and_merge_keys_are_read(tmp_path):
    path = tmp_path / "f.yaml"
    path.write_text("name: x\nwatch: &w {hours: 3}\nplaces:\n  a: *w\n  b: {<<: *w}\n")
    read = config.load(path, File)
    assert [place.hours for place in read.places.values()] == [3, 3]


def test_a_bomb_of_aliases_is_refused(tmp_path):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    found = complaint(tmp_path, "\n".join(lines))
    assert found == "f.yaml: holds more than 100,000 values"


def test_other_encodings_and_missing_files_are_named(tmp_path):
    path = tmp_path / "f.yaml"
    path.write_bytes(b"name: x\nwatch: \xff\n")
    with pytest.raises(ConfigError, match=r"f\.yaml:2: is not UTF-8"):
        config.load(path, File)
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        config.load(tmp_path / "none.yaml", File)


@given(st.text(max_size=60))
def test_no_text_brings_anything_but_a_complaint(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        config.load(path, Settings)
    except ConfigError as exc:
        assert str(exc)  # noqa: PT017  # whatever was typed, an answer and no traceback


def test_a_secret_is_read_at_the_last_moment(monkeypatch):
    monkeypatch.setenv("A_TOKEN", "hidden")
    assert config.reveal("env:A_TOKEN") == "hidden"
    with pytest.raises(ConfigError, match="the environment variable NO_TOKEN is not set"):
        config.reveal("env:NO_TOKEN")


def test_the_first_workflows_snippet_is_valid_as_it_stands(tmp_path):
    (tmp_path / "mlwright.yaml").write_text(
        "model:\n  type: classification\n  algorithm: xgboost\n  dataset: customer_churn.csv\n"
        "  target: churned\n  metrics: [accuracy, precision, recall, f1]\n"
    )
    model = read_settings(tmp_path).model
    assert (model.target, model.metrics) == ("churned", ("accuracy", "precision", "recall", "f1"))


def test_percentages_durations_and_lists_are_read_as_people_write_them(tmp_path):
    (tmp_path / "mlwright.yaml").write_text(
        "model: {holdout: 25%}\nenvironments:\n  production: {steps: '5,25,50'}\n"
    )
    settings = read_settings(tmp_path)
    assert settings.model.holdout == 0.25
    assert settings.environment("production").steps == (5.0, 25.0, 50.0)


def test_only_production_holds_the_champion_unless_said_otherwise(tmp_path):
    (tmp_path / "mlwright.yaml").write_text("environments:\n  live: {holds_champion: true}\n")
    settings = read_settings(tmp_path)
    held = {name: settings.environment(name).holds_champion for name in ("production", "live", "x")}
    assert held == {"production": True, "live": True, "x": False}


def test_a_rule_that_yaml_takes_for_a_fold_gets_the_hint(tmp_path):
    path = tmp_path / "f.yaml"
    path.write_text("name:\n  - > 3 features drifted\n")
    with pytest.raises(ConfigError) as caught:
        config.load(path, File)
    assert str(caught.value) == (
        f"{path}:2:7: expected a comment or a line break, but found '3'\n"
        "  2 |   - > 3 features drifted"
    )
    assert caught.value.hint == 'quote text that begins with >, as "> 3 features drifted"'
