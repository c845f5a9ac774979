"""Whatever a stranger sends is answered or refused, and no answer holds what was refused."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .conftest import NAMES, ROW, Host, mixed
from .test_v2 import LENGTH

POSTS = (
    "/predict",
    "/invocations",
    "/score",
    "/v1/models/churn:predict",
    "/v2/models/churn/infer",
)
_WORDS = """
records instances inputs dataframe_split dataframe_records params parameters output data input_data
Inputs columns index features name shape datatype id outputs binary_data_size binary_data
binary_data_output prediction probability FP64 BYTES BOOL INT64 UINT8
"""
WORDS = [*re.findall(r"\w+", _WORDS), *NAMES]

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-1, 5),
    st.floats(),
    st.sampled_from(WORDS),
    st.text(max_size=5),
    st.sampled_from([ROW, [ROW], list(ROW.values()), [1], [2, 1], 10**400]),
)
documents = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(st.sampled_from(WORDS), st.text(max_size=3)), inner, max_size=5),
    ),
    max_leaves=25,
)
bodies = st.one_of(
    documents.map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass")),
    st.binary(max_size=60),
    st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")),
)
heads = st.dictionaries(
    st.sampled_from(["Content-Type", "Accept", LENGTH]),
    st.sampled_from(
        [
            *("text/csv", "text/csv; header=present", "application/jsonlines", "application/json"),
            *("0", "2", "30", "*/*", ";;", "=,"),
        ]
    ),
    max_size=2,
)


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory):
    return Host(mixed(tmp_path_factory.mktemp("fuzz")))


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(path=st.sampled_from(POSTS), body=bodies, headers=heads)
def test_any_body_is_answered_or_refused(fuzzed, path, body, headers):
    answer = fuzzed.ask(path, body, headers=headers)
    assert answer.status in (200, 400, 406, 413, 415, 422), (answer.status, answer.body)
    if answer.status != 200:
        json.loads(answer.body)


tensors = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.sampled_from(NAMES),
            "shape": st.lists(st.integers(-1, 3), max_size=3),
            "datatype": st.sampled_from(["FP64", "BYTES", "BOOL", "INT64", "UINT8", "BF16", "x"]),
        },
        optional={
            "data": st.lists(scalars, max_size=4),
            "parameters": st.fixed_dictionaries({"binary_data_size": st.integers(-1, 20)}),
        },
    ),
    max_size=4,
)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(inputs=tensors, blob=st.binary(max_size=40), bytes_too=st.booleans())
def test_any_tensor_is_answered_or_refused(fuzzed, inputs, blob, bytes_too):
    head = json.dumps({"inputs": inputs}).encode("utf-8", "surrogatepass")
    headers = {LENGTH: str(len(head))} if bytes_too else {}
    answer = fuzzed.ask("/v2/models/churn/infer", head + blob * bytes_too, headers=headers)
    assert answer.status in (200, 400, 413, 422), (answer.status, answer.body)


@pytest.mark.parametrize("path", POSTS)
def test_a_refusal_never_holds_a_value(fuzzed, path):
    secret = {**ROW, "tenure": "s3cret", "contract": ["s3cret"], "paperless": {"s3cret": 1}}
    values = list(secret.values())
    tensors = [
        {"name": name, "shape": [1], "datatype": "FP64", "data": [secret[name]]} for name in NAMES
    ]
    for body in (
        {"records": [secret]},
        {"instances": [secret]},
        {"instances": [values]},
        {"data": [values]},
        {"inputs": tensors},
    ):
        assert b"s3cret" not in fuzzed.ask(path, body).body
