import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlwright.bundle.expressions import DEEPEST, MOST_CHARACTERS, parse
from mlwright.bundle.functions import DATES
from mlwright.core.errors import ConfigError

KINDS = {
    "a": "number",
    "b": "number",
    "yes": "boolean",
    "kind": "category",
    "note": "text",
    "Monthly Charges": "number",
}


def value(source, **row):
    full = {name: row.get(name) for name in KINDS}
    full["Monthly Charges"] = 7
    found = parse(source, KINDS).evaluate_rows([full])[0]
    return None if math.isnan(found) else float(found)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a + b * 2", 8.0),
        ("(a + b) * 2", 10.0),
        ("a - b - 1", -2.0),
        ("a / b / 2", 1 / 3),
        ("-a * -b", 6.0),
        ("--a", 2.0),
        ("a < b", 1.0),
        ("a >= b", 0.0),
        ("a + 1 == b", 1.0),
        ("a != b", 1.0),
        ("(a < b) + (a <= b)", 2.0),
        ("min(a, b) + max(a, b)", 5.0),
        ("abs(a - b)", 1.0),
        ("log1p(a)", math.log1p(2)),
        ("1.5e2 * a", 300.0),
        (".5 * a", 1.0),
        ("a\n  + b", 5.0),
        ("`Monthly Charges` + a", 9.0),
    ],
)
def test_arithmetic(source, expected):
    assert value(source, a=2, b=3) == expected


@pytest.mark.parametrize(
    ("source", "row"),
    [
        ("a / b", {"a": 1, "b": 0}),
        ("a / b", {"a": 0, "b": 0}),
        ("a * b", {"a": 1e300, "b": 1e300}),
        ("0 * (a * b)", {"a": 1e300, "b": 1e300}),
        ("a + b", {"a": 1}),
        ("a < b", {"a": 1}),
        ("a != b", {"b": 1}),
        ("min(a, b)", {"a": 1}),
        ("max(a, b)", {"b": 1}),
        ("log1p(a)", {"a": -1}),
        ("kind == 'x'", {}),
        ("length(note)", {}),
        ("year(note)", {"note": "soon"}),
        ("year(note)", {"note": "2011-02-29"}),
        ("year(note)", {"note": "2011-02-28" + " " * 100}),
        ("days_between(note, kind)", {"note": "2011-02-28"}),
    ],
)
def test_what_has_no_value_is_null(source, row):
    assert value(source, **row) is None


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("is_null(a)", 1.0),
        ("is_null(b)", 0.0),
        ("is_null(note)", 0.0),
        ("is_null(a / b)", 1.0),
        ("kind == 'it is'", 1.0),
        ('kind != "x"', 1.0),
        ("kind == note", 0.0),
        ("length(kind)", 5.0),
        ("yes + 1", 2.0),
    ],
)
def test_texts_booleans_and_nulls(source, expected):
    assert value(source, b=3, yes=True, kind="it is", note="2011-01-31") == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("year(note)", 2012.0),
        ("month(note)", 2.0),
        ("day(note)", 29.0),
        ("weekday(note)", 2.0),
        ("hour(note)", 17.0),
        ("days_between(note, '2012-03-01')", 0.25),
        ("days_between('2012-02-28', note)", 1.75),
        ("days_between(note, kind)", -0.75),
    ],
)
def test_dates(source, expected):
    given = {"note": "2012-02-29 17:59", "kind": "2012-02-29"}
    if source.startswith("days"):
        given = {"note": "2012-02-29T18:00:00.5Z", "kind": "2012-02-29 01:00+01:00"}
    assert value(source, **given) == expected


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("a + 1 / chrges", "1:9: unknown column 'chrges'"),
        ("a + aa", "1:5: unknown column 'aa'; did you mean 'a'?"),
        ("a +\n  nots", "2:3: unknown column 'nots'; did you mean 'note'?"),
        ("lenght(note)", "1:1: unknown function 'lenght'; did you mean 'length'?"),
        (
            "eval(a)",
            "1:1: unknown function 'eval'; known: abs, day, days_between, hour, is_null, length, "
            "log1p, max, min, month, weekday, year",
        ),
        ("a b", "1:3: expected an operator, got 'b'"),
        ("a +", "1:4: expected a value, got the end"),
        ("(a", "1:3: expected ')', got the end"),
        ("a)", "1:2: expected an operator, got ')'"),
        ("min(a b)", "1:7: expected ')', got 'b'"),
        ("", "1:1: expected a value, got the end"),
        ("a ** b", "1:4: expected a value, got '*'"),
        ("a % b", "1:3: unexpected '%'"),
        ("a.real", "1:2: unexpected '.'"),
        ("a[0]", "1:2: unexpected '['"),
        ("'open", '1:1: unexpected "\'"'),
        ("__import__('os')", "1:1: unknown function '__import__'; known:"),
        ("lambda: a", "1:7: unexpected ':'"),
        ("1 < a < 2", "1:7: comparisons do not follow one another"),
        ("note", "1:1: it gives a text; compare it, or take its length()"),
        ("1 + 2", "1:1: it uses no column"),
        ("a + kind", "1:5: + takes numbers, got a text"),
        ("-kind", "1:2: - takes numbers, got a text"),
        ("kind < 'x'", "1:1: < takes numbers, got a text"),
        ("kind == 3", "1:6: == compares a text with a number"),
        ("length(a)", "1:8: length() takes a text, 'a' is a number"),
        ("year(a + b)", "1:6: year() takes a text, 'a' is a number"),
        ("log1p(kind)", "1:7: log1p() takes a number, 'kind' is a text"),
        ("min(a)", "1:1: min() takes 2 values, got 1"),
        ("abs(a, b)", "1:1: abs() takes 1 value, got 2"),
        ("abs()", "1:1: abs() takes 1 value, got 0"),
        ("1e999 * a", "1:1: the number is out of range"),
        ("1" * 400 + "a", "1:1: the number is out of range"),
    ],
)
def test_errors_point_at_the_place(source, message):
    with pytest.raises(ConfigError) as caught:
        parse(source, KINDS)
    assert str(caught.value).startswith(message)


def test_a_refused_column_is_named_with_the_reason():
    with pytest.raises(ConfigError) as caught:
        parse("length(id)", KINDS, refused={"id": "it is an identifier"})
    assert str(caught.value) == "1:8: column 'id' cannot be used: it is an identifier"


def test_length_and_depth_are_bounded():
    with pytest.raises(ConfigError, match="is longer than 1,000 characters"):
        parse("a" + "+1" * MOST_CHARACTERS, KINDS)
    for opening, closing in (("(", ")"), ("-", ""), ("abs(", ")")):
        parse(opening * DEEPEST + "a" + closing * DEEPEST, KINDS)
        with pytest.raises(ConfigError, match=f"is nested deeper than {DEEPEST} levels"):
            parse(opening * (DEEPEST + 1) + "a" + closing * (DEEPEST + 1), KINDS)


def test_a_long_sum_is_no_depth():
    assert value("a" + "+1" * 499, a=1) == 500.0


def test_it_knows_its_columns_and_those_that_it_reads_as_dates():
    found = parse("days_between(note, '2012-01-01') * a + length(kind)", KINDS)
    assert found.columns == {"note": "text", "a": "number", "kind": "category"}
    assert found.dates == {"note"}


numbers = st.sampled_from(["a", "b", "yes", "0", "1", "0.1", "1e300", "3"])
texts = st.sampled_from(["kind", "note", "'x'", "'2011-05-06'"])
calls = st.one_of(
    st.builds(
        "{}({})".format, st.sampled_from(["length", *sorted(DATES - {"days_between"})]), texts
    ),
    st.builds("days_between({}, {})".format, texts, texts),
    st.builds("is_null({})".format, st.one_of(numbers, texts)),
    st.builds("({} {} {})".format, texts, st.sampled_from(["==", "!="]), texts),
)
expressions = st.recursive(
    st.one_of(numbers, calls),
    lambda inner: st.one_of(
        st.builds(
            "({} {} {})".format,
            inner,
            st.sampled_from(["+", "-", "*", "/", "<", "<=", ">", ">=", "==", "!="]),
            inner,
        ),
        st.builds("{}({}, {})".format, st.sampled_from(["min", "max"]), inner, inner),
        st.builds("{}({})".format, st.sampled_from(["abs", "log1p"]), inner),
        st.builds("-{}".format, inner),
    ),
    max_leaves=8,
).map("a * 0 + {}".format)

floats = st.one_of(
    st.none(),
    st.sampled_from([0.0, -0.0, 1, -1, 2**53 + 1, 1e308, -1e308, 5e-324]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(10**20), 10**20),
)
words = st.one_of(
    st.none(),
    st.text(max_size=5),
    st.sampled_from(["x", "2011-05-06", "2024-02-29T23:59:59.9-11:30", "0001-01-01T00:00+10:00"]),
)
rows = st.lists(
    st.fixed_dictionaries(
        {"a": floats, "b": floats, "yes": st.one_of(st.none(), st.booleans())}
        | {"kind": words, "note": words}
    ),
    min_size=1,
    max_size=40,
)


def as_columns(table):
    columns = {}
    for name in table[0]:
        values = [row[name] for row in table]
        if name in ("kind", "note"):
            columns[name] = np.array(values, object)
        else:
            columns[name] = np.array([math.nan if v is None else float(v) for v in values])
    return columns


@settings(max_examples=300, deadline=None)
@given(expressions, rows)
def test_training_and_serving_give_equal_bits(source, table):
    found = parse(source, KINDS)
    whole = found.evaluate(as_columns(table))
    one_by_one = np.concatenate([found.evaluate_rows([row]) for row in table])
    assert whole.tobytes() == one_by_one.tobytes()
    assert whole.tobytes() == found.evaluate_rows(table).tobytes()
    assert not np.isinf(whole).any()


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab(),+-*/<>=!'\"`.1e \n&|[]{}:;@#kindoteyslghm_", max_size=60))
def test_any_text_is_an_expression_or_a_clear_error(source):
    try:
        parse(source, KINDS)
    except ConfigError as exc:
        assert str(exc)[0].isdigit()  # noqa: PT017
