import pytest

from mlwright.core.errors import DataError
from mlwright.data.delimited import find_delimiter
from mlwright.data.read import read

STRAY = "{path} has unbalanced quotes in {lines}: read as plain characters"


@pytest.mark.parametrize(
    ("sample", "delimiter"),
    [
        ('a,"b;c"\n1,x\n', ","),
        ("price, net;amount\n1,5;3\n2,5;4\n", ";"),
        ("label\ttext\nham\tyes, no, yes\nspam\ta, b\n", "\t"),
        ("a|b|c\n1,5|2|3\n", "|"),
        ("only\n1\n", ","),
        ("", ","),
    ],
)
def test_the_delimiter_that_most_lines_agree_on(sample, delimiter):
    assert find_delimiter(sample) == delimiter


def test_a_decimal_comma_is_read_where_semicolons_divide(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a;b;c\n1,5;3;x,y\n-2;4;z\n")
    assert read(path).rows() == [(1.5, 3, "x,y"), (-2.0, 4, "z")]
    path.write_text("a;b\n1,5;1.5\n")
    assert read(path).rows() == [("1,5", 1.5)]


def test_a_column_without_a_name_gets_one(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(",a,\n0,1,x\n")
    assert read(path).columns == ["column_1", "a", "column_3"]


@pytest.mark.parametrize(
    ("lines", "rows", "stray"),
    [
        (['ham\t"hello there', "spam\tfree"], [("ham", '"hello there'), ("spam", "free")], 1),
        (['ham\t5" pipe', 'ham\t3" and 4"'], [("ham", '5" pipe'), ("ham", '3" and 4"')], 0),
        (
            ['ham\t"two', 'lines"', 'spam\t"open'],
            [("ham", "two\nlines"), ("spam", '"open')],
            1,
        ),
        (['ham\t"said ""no"""', 'ham\t"x"y'], [("ham", 'said "no"'), ("ham", '"x"y')], 1),
        (
            ['ham\t"a', 'ham\t"b', 'ham\t"c'],
            [("ham", '"a'), ("ham", '"b'), ("ham", '"c')],
            3,
        ),
    ],
)
def test_quotes_that_do_not_pair_up_are_characters(tmp_path, lines, rows, stray):
    path, said = tmp_path / "t.tsv", []
    path.write_text("\n".join(["label\ttext", *lines]) + "\n")
    assert read(path, say=said.append).rows() == rows
    words = "1 line" if stray == 1 else f"{stray} lines"
    assert said == ([STRAY.format(path=path, lines=words)] if stray else [])


@pytest.mark.parametrize("line", ["3,4,secret", '"3",4,secret', '"3,4,secret'])
def test_a_line_with_too_many_fields_is_named(tmp_path, line):
    path = tmp_path / "t.csv"
    path.write_text(f"a,b\n1,2\n{line}\n")
    with pytest.raises(DataError) as caught:
        read(path)
    assert str(caught.value) == f"{path}: line 3 has 3 fields, the header has 2"
    assert caught.value.hint == (
        "mend that line, or put quotes around the field that holds the delimiter"
    )
