import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlwright.core.errors import ConfigError
from mlwright.rag.conditions import All, AnyOf, Compare, In, Not, matches, without_not
from mlwright.rag.filter_table import FilterTable
from mlwright.rag.filters import parse

VALUES = st.one_of(st.booleans(), st.integers(-3, 3), st.sampled_from(["a", "b", "it's"]))
FIELDS = st.sampled_from(["x", "y", "z"])
SIGNS = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])
LEAVES = st.one_of(
    st.builds(Compare, FIELDS, SIGNS, VALUES),
    st.builds(In, FIELDS, st.lists(VALUES, min_size=1, max_size=3).map(tuple)),
)
CONDITIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(All, st.lists(inner, min_size=1, max_size=3).map(tuple)),
        st.builds(AnyOf, st.lists(inner, min_size=1, max_size=3).map(tuple)),
    ),
    max_leaves=6,
)
ROWS = st.lists(st.dictionaries(FIELDS, VALUES), min_size=1, max_size=8)


@given(CONDITIONS, ROWS)
def test_columns_and_the_form_without_not_say_what_rows_say(condition, rows):
    expected = [matches(condition, row) for row in rows]
    assert FilterTable.of(rows).mask(condition).tolist() == expected
    plain = without_not(condition)
    assert [matches(plain, row) for row in rows] == expected
    assert FilterTable.of(rows).mask(plain).tolist() == expected


def test_or_binds_less_than_and():
    found = parse("a = 1 or b = 2 and not c = 'it''s'")
    right = All((Compare("b", "=", 2), Not(Compare("c", "=", "it's"))))
    assert found == AnyOf((Compare("a", "=", 1), right))


def test_an_empty_filter_is_none():
    assert parse(None) is None
    assert parse("  ") is None
    assert parse({}) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "year >",
            "filter: it ends at character 7 where a number, true, false, or text in quotes belongs",
        ),
        (
            "year = 2020 lang = 'en'",
            "filter: 'lang' stands at character 13 where 'and', 'or' or the end belongs",
        ),
        ("; drop table", "filter: ';' at character 1 is not of the language"),
        ("(" * 60 + "a = 1" + ")" * 60, "filter: is nested more than 50 deep"),
        (
            "a in ()",
            "filter: ')' stands at character 7 where a number, true, false, or text in"
            " quotes belongs",
        ),
    ],
)
def test_what_is_not_of_the_language_is_refused_with_its_place(text, message):
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert str(caught.value) == message
