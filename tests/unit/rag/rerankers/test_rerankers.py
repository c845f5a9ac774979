"""A cross-encoder from a folder, and Cohere's, on questions whose answer is known."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from mlwright.core.errors import BundleError, ConfigError, UnknownBackend
from mlwright.core.files import sha256
from mlwright.rag.config_finding import Rerank
from mlwright.rag.rerankers import open_reranker
from mlwright.rag.retries import CallFailed
from mlwright.testing.json_server import Asked, Trouble, json_server

WORDS = ("how", "are", "refunds", "paid", "within", "days", "ship", "books", "fast", ".", "?")
TEXTS = ["we sell books .", "refunds are paid within days .", "we ship fast . refunds"]


def write_model(folder) -> None:
    """Write a model whose score is how many words of the text stand in the question."""
    node = helper.make_node
    nodes = [
        node("Sub", ["one", "token_type_ids"], ["first"]),
        node("Mul", ["input_ids", "first"], ["asked"]),
        node("Mul", ["input_ids", "token_type_ids"], ["read"]),
        node("Unsqueeze", ["asked", "last"], ["asked_2"]),
        node("Unsqueeze", ["read", "middle"], ["read_2"]),
        node("Equal", ["asked_2", "read_2"], ["same"]),
        node("Greater", ["read_2", "special"], ["word"]),
        node("And", ["same", "word"], ["hit"]),
        node("Cast", ["hit"], ["hits"], to=TensorProto.FLOAT),
        node("ReduceSum", ["hits", "axes"], ["logits"], keepdims=0),
        node("Unsqueeze", ["logits", "axis"], ["scores"]),
    ]
    names = ("input_ids", "attention_mask", "token_type_ids")
    inputs = [helper.make_tensor_value_info(n, TensorProto.INT64, ["b", "t"]) for n in names]
    constants = {
        "one": [1], "last": [2], "middle": [1], "special": [3], "axes": [1, 2], "axis": [1]
    }  # fmt: skip
    graph = helper.make_graph(
        nodes,
        "overlap",
        inputs,
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["b", 1])],
        [helper.make_tensor(n, TensorProto.INT64, [len(v)], v) for n, v in constants.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(made, folder / "model.onnx")
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    words = {word: place for place, word in enumerate([*special, *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.save(str(folder / "tokenizer.json"))


@pytest.fixture
def folder(tmp_path):
    write_model(tmp_path)
    return tmp_path


def opened(folder, **more):
    told = {"sha256": sha256(folder / "model.onnx"), **more}
    return open_reranker(Rerank(provider="onnx", path=folder, **told))


def test_a_cross_encoder_reads_question_and_text_together(folder):
    scores = opened(folder).score("how are refunds paid ?", TEXTS)
    assert scores.dtype == np.float32
    assert scores.tolist() == [0, 3, 1]


def test_more_texts_than_a_batch_and_none(folder):
    reranker = opened(folder)
    many = [TEXTS[number % 3] for number in range(50)]
    assert reranker.score("how are refunds paid ?", many).tolist() == ([0, 3, 1] * 17)[:50]
    assert reranker.score("refunds", []).shape == (0,)


def test_texts_and_questions_of_any_length_are_read(folder):
    reranker = opened(folder)
    assert reranker.score("refunds", ["refunds " * 2000]).tolist() == [509 - 1 + 0.0]
    assert reranker.score("refunds " * 2000, ["refunds"]).shape == (1,)


def test_the_file_is_the_one_that_is_trusted(folder, tmp_path_factory):
    found = sha256(folder / "model.onnx")
    with pytest.raises(ConfigError) as raised:
        opened(folder, sha256="0" * 64)
    assert str(raised.value) == (
        f"retrieval.rerank.sha256: {folder / 'model.onnx'} has the SHA-256 {found}, which is not "
        "the one that is configured"
    )
    assert raised.value.hint == f"if you trust the file, write rerank.sha256: {found}"
    empty = tmp_path_factory.mktemp("empty")
    with pytest.raises(ConfigError) as raised:
        open_reranker(Rerank(provider="onnx", path=empty))
    assert str(raised.value) == f"retrieval.rerank.path: {empty} holds no model.onnx"
    with pytest.raises(ConfigError, match=r"^retrieval.rerank.path: is missing$"):
        open_reranker(Rerank(provider="onnx"))


def test_files_that_are_damaged_are_told(folder):
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(BundleError) as raised:
        opened(folder)
    assert str(raised.value) == f"{folder} holds no cross-encoder that can be read"


def test_an_unknown_one_is_told():
    with pytest.raises(UnknownBackend, match=r"^no reranker named 'coher'"):
        open_reranker(Rerank(provider="coher"))


class TestCohere:
    @pytest.fixture
    def service(self, monkeypatch):
        pytest.importorskip("cohere")
        monkeypatch.setenv("COHERE_API_KEY", "cohere-key")
        self.asked: list[Asked] = []
        self.trouble = Trouble()

        def answer(asked: Asked):
            self.asked.append(asked)
            scores = [len(text) / 100 for text in asked.body["documents"]]
            found = [{"index": i, "relevance_score": score} for i, score in enumerate(scores)]
            return 200, {"id": "1", "results": found[::-1], "meta": {}}

        with json_server(answer, self.trouble) as url:
            yield open_reranker(Rerank(provider="cohere", url=url, timeout=5))

    def test_scores_come_in_the_order_of_the_texts(self, service):
        found = service.score("how?", TEXTS)
        np.testing.assert_allclose(found, [len(text) / 100 for text in TEXTS], atol=1e-6)
        (asked,) = self.asked
        assert (asked.method, asked.path) == ("POST", "/v2/rerank")
        assert asked.headers["authorization"] == "Bearer cohere-key"
        assert asked.body == {
            "model": "rerank-v3.5",
            "query": "how?",
            "documents": TEXTS,
            "top_n": 3,
        }
        assert service.score("how?", []).shape == (0,)

    def test_a_busy_service_is_asked_again(self, service):
        self.trouble.refusals = [(429, {"retry-after": "0"})]
        assert service.score("how?", TEXTS).shape == (3,)

    def test_a_refusal_is_told(self, service):
        self.trouble.refusals = [(401, {})]
        with pytest.raises(CallFailed, match=r"^cohere answered with HTTP 401"):
            service.score("how?", TEXTS)
