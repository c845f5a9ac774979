import inspect

import pytest

from mlwright.core import errors


def every_error():
    return [
        value
        for value in vars(errors).values()
        if inspect.isclass(value) and issubclass(value, errors.MlwrightError)
    ]


def test_every_error_stands_in_the_tree_with_its_exit_code():
    lines = errors.__doc__.splitlines()
    for error in every_error():
        line = next(line for line in lines if error.__name__ in line.split())
        assert f" {error.exit_code} " in f"{line} ", error


def test_built_in_meaning_is_kept():
    assert issubclass(errors.ConfigError, ValueError)
    assert issubclass(errors.NotFound, LookupError)
    assert issubclass(errors.MissingExtra, ImportError)
    assert issubclass(errors.RemoteError, ConnectionError)


def test_a_signature_error_names_every_field():
    error = errors.SignatureError({"tenure": "is missing", "contract": "must be text"}, hint="x")
    assert str(error) == (
        "the rows do not fit the model: tenure: is missing; contract: must be text"
    )
    assert error.problems == {"tenure": "is missing", "contract": "must be text"}


@pytest.mark.parametrize(
    ("given", "answer"), [("canari", "; did you mean 'canary'?"), ("qqq", ""), ("", "")]
)
def test_the_nearest_name(given, answer):
    assert errors.did_you_mean(given, ["canary", "linear"]) == answer
