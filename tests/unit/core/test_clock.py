import pytest

from mlwright.core.clock import duration, moment
from mlwright.core.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("1.5h", 5400), ("2w", 1209600), ("7", 7)]
)
def test_durations(text, seconds):
    assert duration(text) == seconds


def test_what_is_no_duration_is_said():
    with pytest.raises(ConfigError, match="'soon' is not a duration") as info:
        duration("soon")
    assert info.value.hint == "write it as 30s, 10m, 24h or 7d"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01", 0),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1h", 1_000_000 - 3600),
        ("last_7_days", 1_000_000 - 604800),
        ("last_1_hour", 1_000_000 - 3600),
    ],
)
def test_moments(text, seconds):
    assert moment(text, at=1_000_000) == seconds


def test_what_is_no_moment_is_said():
    with pytest.raises(ConfigError, match="'last_week' is not a moment"):
        moment("last_week")
