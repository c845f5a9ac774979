import numpy as np
import pytest

from mlwright.bundle.parity import edge_rows
from mlwright.bundle.plan import NumberStep, Plan, TokensStep
from mlwright.core.errors import BundleError

pytest.importorskip("tokenizers", reason="tokenizers is not installed")

TEXTS = ["w1 w2", None, "", "w3 " * 500, "\ud800 \U0001f600 \x00 w1", "unknown", "W1 w2 w4"]


@pytest.fixture(scope="module")
def tokenizer():
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *(f"w{n}" for n in range(9))]
    vocabulary = {word: place for place, word in enumerate(words)}
    found = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    found.normalizer = normalizers.BertNormalizer()
    found.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    found.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return found.to_str()


@pytest.fixture
def plan(tokenizer):
    return Plan((NumberStep("a"), TokensStep("text", tokenizer, 6), NumberStep("b")))


def columns():
    given = np.empty(len(TEXTS), object)
    given[:] = TEXTS
    numbers = np.arange(float(len(TEXTS)))
    return {"a": numbers, "text": given, "b": -numbers}


def test_a_text_becomes_its_tokens_and_ends_with_none(plan):
    matrix = plan.encode(columns())
    assert matrix.shape == (len(TEXTS), 8)
    assert matrix[0].tolist() == [0, 2, 5, 6, 3, -1, -1, 0]
    assert matrix[1, 1:7].tolist() == matrix[2, 1:7].tolist() == [2, 3, -1, -1, -1, -1]


def test_a_long_text_is_cut_and_keeps_its_end_mark(plan):
    assert plan.encode(columns())[3, 1:7].tolist() == [2, 7, 7, 7, 7, 3]


def test_rows_are_encoded_as_columns_are(plan):
    given = columns()
    rows = [
        {"a": a, "text": text, "b": b}
        for a, text, b in zip(given["a"], given["text"], given["b"], strict=True)
    ]
    assert np.array_equal(plan.encode_rows(rows), plan.encode(given))


def test_the_plan_survives_a_file(plan):
    again = Plan.from_json(plan.to_json())
    assert np.array_equal(again.encode(columns()), plan.encode(columns()))


def test_odd_texts_are_among_the_edge_rows(tokenizer):
    plan = Plan((TokensStep("text", tokenizer, 6),))
    rows = edge_rows(plan, {"text": columns()["text"]}, ())
    assert len(rows) >= 9
    assert ((rows >= -1) & (rows < 13)).all()


@pytest.mark.parametrize("text", ["", "{}", "[1]"])
def test_what_is_no_tokenizer(text):
    with pytest.raises(BundleError) as caught:
        TokensStep("text", text, 6)
    assert str(caught.value) == "the tokenizer cannot be read"
