import math
import sys
from types import MappingProxyType

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from mlwright.bundle.rows import RowCheck, row_type
from mlwright.core.errors import SignatureError
from mlwright.core.signature import Column, Signature

KINDS = {"number": (int, float), "category": (str,), "boolean": (bool,), "text": (str,)}
INPUTS = tuple(
    Column(f"{kind} {nullable}", kind, nullable) for kind in KINDS for nullable in (False, True)
)
SIGNATURE = Signature(INPUTS, "regression", "y")
CHECK = RowCheck(SIGNATURE)
LARGEST = sys.float_info.max

VALUES = some.one_of(
    some.none(),
    some.booleans(),
    some.integers(),
    some.floats(),
    some.text(max_size=3),
    some.sampled_from([10**400, -(10**400), LARGEST, -LARGEST, math.nan, math.inf, [], {}]),
)


def fits(value, column):
    """The rule in plain words, against which the fast check is held."""
    if value is None:
        return column.nullable
    if type(value) not in KINDS[column.kind]:
        return False
    return column.kind != "number" or -LARGEST <= value <= LARGEST


def problems(check, *rows):
    with pytest.raises(SignatureError) as caught:
        check(rows)
    return caught.value.problems


@given(some.fixed_dictionaries({}, optional={column.name: VALUES for column in INPUTS}))
def test_a_row_passes_if_every_value_fits(row):
    wrong = {c.name for c in INPUTS if c.name not in row or not fits(row[c.name], c)}
    if wrong:
        assert set(problems(CHECK, row)) == wrong
    else:
        assert CHECK([row]) == 0


@pytest.mark.parametrize("odd", ['say "hi"', "back\\slash", "two\nlines", "\ud800", "\x00", "\x7f"])
def test_a_name_that_no_type_can_have_is_checked_all_the_same(odd):
    check = RowCheck(Signature((Column(odd, "number"), Column("b", "text")), "regression", "y"))
    assert check([{odd: 1, "b": "x"}, {odd: 2.5, "b": "", "more": None}]) == 1
    assert problems(check, {odd: "1"}) == {odd: "must be a number, got text", "b": "is missing"}
    assert problems(check, {"missing": None}) == {odd: "is missing", "b": "is missing"}


@pytest.mark.parametrize("name", ["", " ", "a b", "Ünï", "class", "c0", "__dict__", "1"])
def test_any_other_name_is_a_field(name):
    check = RowCheck(Signature((Column(name, "number"), Column("b", "text")), "regression", "y"))
    assert check([{"b": "x", name: 3}]) == 0
    assert problems(check, {"b": "x"}) == {name: "is missing"}


def test_any_mapping_is_a_row_and_no_rows_pass():
    assert CHECK([]) == 0
    row = {c.name: {"number": 1, "boolean": True}.get(c.kind, "x") for c in INPUTS}
    assert CHECK((MappingProxyType(row),)) == 0
    assert CHECK([{**row, "\ud801": 1}]) == 1


def test_the_type_decodes_a_row_in_the_order_of_the_signature():
    signature = Signature((Column("b", "number"), Column("a b", "category", True)), "binary", "y")
    decoded = msgspec.json.decode(b'{"a b": null, "more": [], "b": 3}', type=row_type(signature))
    assert msgspec.structs.astuple(decoded) == (3.0, None)
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"a b": null, "b": "3"}', type=row_type(signature))
