"""A server as it runs, asked by the clients that others ship."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlwright.bundle.bundle import Bundle
from mlwright.bundle.plan import BooleanStep, NumberStep, OneHotStep, Plan
from mlwright.bundle.sources import LinearSource
from mlwright.bundle.write import Draft, write
from mlwright.core.signature import Column, Signature
from mlwright.profile.make import profile
from mlwright.serve.client import Client

ROWS: list[dict[str, Any]] = [
    {"tenure": 3.5, "charges": None, "contract": "y", "paperless": True},
    {"tenure": 60.0, "charges": 20.5, "contract": "m", "paperless": False},
    {"tenure": 12.0, "charges": 99.0, "contract": "m", "paperless": True},
]
NAMES = list(ROWS[0])
GRPC = ["--grpc-port", "0"] if find_spec("grpc") and find_spec("google.protobuf") else []


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    inputs = (
        Column("tenure", "number"),
        Column("charges", "number", nullable=True),
        Column("contract", "category"),
        Column("paperless", "boolean"),
    )
    plan = Plan(
        (
            NumberStep("tenure", 0.0),
            NumberStep("charges", 0.0),
            OneHotStep("contract", ("m", "y")),
            BooleanStep("paperless", 0.0),
        )
    )
    rng = np.random.default_rng(0)
    columns = {
        "tenure": rng.uniform(0, 70, 50),
        "charges": rng.uniform(0, 100, 50),
        "contract": rng.choice(np.array(["m", "y"], object), 50),
        "paperless": rng.integers(0, 2, 50).astype(float),
    }
    signature = Signature(inputs, "binary", "churn", ("No", "Yes"))
    draft = Draft(
        name="churn",
        signature=signature,
        plan=plan,
        source=LinearSource(np.array([-0.05, 0.02, 1.0, -1.0, 0.3]), 0.0, "logistic"),
        algorithm="linear",
        profile=profile(columns, signature),
        card="",
        check_columns=columns,
        samples=ROWS[:1],
        threshold=0.5,
    )
    return write(draft, tmp_path_factory.mktemp("bundles"))


@pytest.fixture(scope="module")
def served(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """What a server says when it is ready."""
    folder = tmp_path_factory.mktemp("serve")
    said = folder / "said"
    with said.open("wb") as file:
        command = [
            sys.executable,
            "-m",
            "mlwright",
            "serve",
            str(bundle.path),
            "--port",
            "0",
            *GRPC,
        ]
        process = subprocess.Popen(
            [*command, "--log", str(folder / "log")], stdout=file, stderr=file
        )
        try:
            yield asyncio.run(_ready(process, said))
        finally:
            process.terminate()
            assert process.wait(40) == 0


@pytest.fixture
def url(served: str) -> str:
    return next(word for word in served.split() if "http" in word).rpartition("/predict")[0]


async def _ready(process: subprocess.Popen[bytes], said: Path) -> str:
    async with asyncio.timeout(60):
        while b"/predict" not in said.read_bytes():
            assert process.poll() is None, said.read_text()
            await asyncio.sleep(0.05)
    return said.read_text()


@pytest.fixture(scope="module")
def expected(bundle: Bundle) -> tuple[list[Any], list[float]]:
    found = bundle.model().predict_rows(ROWS)
    return found.prediction, found.scores.tolist()


def post(url: str, path: str, body: Any, **headers: str) -> tuple[int, Any]:
    async def go() -> tuple[int, Any]:
        async with Client(url) as client:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            answer = await client.request("POST", path, data, headers=headers)
            return answer.status, json.loads(answer.body)

    return asyncio.run(go())


TRITON = """
import json, sys
import numpy as np
from tritonclient.utils import InferenceServerException
PROTOCOL, URL, ROWS = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
if PROTOCOL == "http":
    import tritonclient.http as triton
else:
    import tritonclient.grpc as triton
client = triton.InferenceServerClient(URL)
assert client.is_server_live() and client.is_server_ready()
assert client.is_model_ready("churn") and client.is_model_ready("churn", "0")
about = client.get_model_metadata("churn", "0")
about = about if PROTOCOL == "http" else {"inputs": [
    {"name": each.name, "datatype": each.datatype} for each in about.inputs]}
kinds = {each["name"]: each["datatype"] for each in about["inputs"]}
dtypes = {"FP64": np.float64, "BYTES": object, "BOOL": bool}
found = []
for binary in (True, False):
    inputs = []
    for name, kind in kinds.items():
        values = np.array([row[name] for row in ROWS], dtypes[kind])
        each = triton.InferInput(name, [len(ROWS)], kind)
        how = {"binary_data": binary} if PROTOCOL == "http" else {}
        each.set_data_from_numpy(values, **how)
        inputs.append(each)
    how = {"binary_data": binary} if PROTOCOL == "http" else {}
    names = ("prediction", "probability")
    outputs = [triton.InferRequestedOutput(name, **how) for name in names]
    answer = client.infer("churn", inputs, request_id="42", outputs=outputs)
    response = answer.get_response()
    identity = response["id"] if PROTOCOL == "http" else response.id
    labels = [each.decode() if isinstance(each, bytes) else each
              for each in answer.as_numpy("prediction").tolist()]
    found.append([identity, labels, answer.as_numpy("probability").tolist()])
    default = client.infer("churn", inputs)
    assert default.as_numpy("probability").tolist() == found[-1][2]
try:
    client.infer("churn", inputs[:1])
except InferenceServerException as exc:
    found.append([str(exc.status()), exc.message()])
try:
    client.infer("nobody", inputs)
except InferenceServerException as exc:
    found.append(str(exc.status()))
print(json.dumps(found))
"""


def triton(protocol: str, address: str) -> Any:
    # Its client brings gevent: in a process of its own.
    command = [sys.executable, "-c", TRITON, protocol, address, json.dumps(ROWS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_triton_over_http(url, expected):
    pytest.importorskip("tritonclient", reason="tritonclient is not installed")
    pytest.importorskip("geventhttpclient", reason="tritonclient's http extra is not installed")
    labels, scores = expected
    *answers, wrong, unknown = triton("http", url.removeprefix("http://"))
    assert answers == [["42", labels, scores]] * 2
    missing = "; ".join(f"{name}: is missing (row 0)" for name in NAMES[1:])
    assert wrong == ["422", missing]
    assert unknown == "404"


@pytest.mark.skipif(not GRPC, reason="grpcio is not installed")
def test_triton_over_grpc(served, expected):
    pytest.importorskip("tritonclient", reason="tritonclient is not installed")
    labels, scores = expected
    *answers, wrong, unknown = triton("grpc", served.split()[-1])
    assert answers == [["42", labels, scores]] * 2
    missing = "; ".join(f"{name}: is missing (row 0)" for name in NAMES[1:])
    assert wrong == ["StatusCode.INVALID_ARGUMENT", missing]
    assert unknown == "StatusCode.NOT_FOUND"


@pytest.mark.filterwarnings("default")
def test_mlflows_own_client_and_server_agree_with_us(url, bundle, expected, monkeypatch):
    pd = pytest.importorskip("pandas", reason="pandas is not installed")
    mlflow = pytest.importorskip("mlflow", reason="mlflow-skinny is not installed")
    from mlflow.pyfunc import scoring_server as scoring
    from mlflow.pyfunc.scoring_server.client import ScoringServerClient

    host, _, port = url.removeprefix("http://").partition(":")
    client = ScoringServerClient(host, int(port))
    client.wait_server_ready(timeout=10)
    assert client.get_version().startswith("3.")
    labels, scores = expected
    table = pd.DataFrame(ROWS)
    theirs = client.invoke(table).get_predictions()
    assert theirs["prediction"].tolist() == labels
    assert theirs["probability"].tolist() == scores

    model = mlflow.pyfunc.load_model(str(bundle.path))
    split = table.to_dict(orient="split")
    for body in ({"dataframe_split": split}, {"dataframe_records": ROWS}, {"inputs": ROWS}):
        data = json.dumps(body).encode()
        answer = scoring.invocations(
            data, "application/json", model, model.metadata.get_input_schema()
        )
        assert post(url, "/invocations", data) == (answer.status, json.loads(answer.response))


@pytest.mark.filterwarnings("default")
def test_boto3_invokes_the_endpoint(url, expected, monkeypatch):
    boto3 = pytest.importorskip("boto3", reason="boto3 is not installed")
    from botocore.exceptions import ClientError

    labels, scores = expected
    paths: list[str] = []
    client = boto3.client(
        "sagemaker-runtime",
        region_name="eu-west-1",
        endpoint_url=url,
        aws_access_key_id="a",
        aws_secret_access_key="b",
    )

    def to_the_container(request: Any, **_: Any) -> None:
        # SageMaker itself turns /endpoints/NAME/invocations into the container's /invocations.
        paths.append(request.url)
        request.url = f"{url}/invocations"

    client.meta.events.register("before-send.sagemaker-runtime", to_the_container)

    def invoke(body: str, **options: str) -> tuple[str, str]:
        answer = client.invoke_endpoint(EndpointName="churn", Body=body.encode(), **options)
        return answer["ContentType"], answer["Body"].read().decode()

    lines = [
        ",".join("" if value is None else str(value) for value in row.values()) for row in ROWS
    ]
    kind, text = invoke("\n".join(lines), ContentType="text/csv", Accept="text/csv")
    assert kind.startswith("text/csv")
    assert text.splitlines() == [f"{a},{b}" for a, b in zip(labels, scores, strict=True)]
    body = json.dumps({"instances": [list(row.values()) for row in ROWS]})
    _, text = invoke(body, ContentType="application/json", Accept="application/json")
    assert [each["probability"] for each in json.loads(text)["predictions"]] == scores
    body = "\n".join(map(json.dumps, ROWS))
    kind, text = invoke(body, ContentType="application/jsonlines", Accept="application/jsonlines")
    assert [json.loads(line)["prediction"] for line in text.splitlines()] == labels
    with pytest.raises(ClientError) as caught:
        invoke("{}", ContentType="application/json")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 422
    assert paths[0] == f"{url}/endpoints/churn/invocations"


def test_the_clouds_bodies(url, expected):
    labels, scores = expected
    pairs = zip(labels, scores, strict=True)
    both = [{"prediction": label, "probability": score} for label, score in pairs]
    vertex = {"instances": [list(row.values()) for row in ROWS], "parameters": {}}
    assert post(url, "/v1/models/churn:predict", vertex) == (200, {"predictions": both})
    split = {"columns": NAMES, "index": [0, 1, 2], "data": [list(row.values()) for row in ROWS]}
    assert post(url, "/score", {"input_data": split}) == (200, both)


# What JSON Schema cannot say of these two: that tensors have as many values as their shapes and
# as many rows as each other, and what a CSV is.
SCHEMATHESIS = """
[[operations]]
include-path-regex = "/infer$|^/invocations$"
checks.positive_data_acceptance.enabled = false
"""


@pytest.mark.heavy
@pytest.mark.timeout(600)
def test_schemathesis_finds_nothing(url, tmp_path):
    pytest.importorskip("schemathesis", reason="schemathesis is not installed")
    (tmp_path / "schemathesis.toml").write_text(SCHEMATHESIS)
    command = [
        *(str(Path(sys.executable).with_name("schemathesis")), "run", f"{url}/openapi.json"),
        *("--max-examples", "50", "--seed", "1", "--no-color"),
        *("--phases", "examples,coverage,fuzzing"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=590)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
