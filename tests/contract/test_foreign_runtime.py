import io
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import skops.io
from onnx import TensorProto, helper
from sklearn.linear_model import LogisticRegression

from mlwright.bundle.archive import pack, pack_files
from mlwright.bundle.foreign import FOREIGN, Foreign
from mlwright.bundle.manifest import to_bytes
from mlwright.bundle.runtimes.python import ENTRY
from mlwright.bundle.trust import NOTHING
from mlwright.core.signature import Column, Signature
from mlwright.testing.foreign_runtime import ForeignCase, ForeignRuntimeContract

SIGNATURE = Signature((Column("a", "number"), Column("b", "number")), "binary", "y", (0, 1))
WEIGHTS = np.array([1.5, -0.5])


def columns():
    generator = np.random.default_rng(1)
    return {name: generator.normal(size=30) for name in SIGNATURE.names}


def expected():
    return 1 / (1 + np.exp(-np.column_stack(list(columns().values())) @ WEIGHTS))


def case(name, data, params=None):
    foreign = Foreign(data, SIGNATURE, params or {}, NOTHING)
    return ForeignCase(FOREIGN.load(name), foreign, columns(), expected())


def fitted():
    model = LogisticRegression()
    model.classes_, model.n_features_in_ = np.array([0, 1]), 2
    model.coef_, model.intercept_ = WEIGHTS[None, :], np.zeros(1)
    return model


class TestEstimator(ForeignRuntimeContract):
    @pytest.fixture
    def case(self):
        return case("estimator", skops.io.dumps(fitted()))


class TestGraph(ForeignRuntimeContract):
    @pytest.fixture
    def case(self):
        nodes = [
            helper.make_node("Mul", ["a", "wa"], ["ma"]),
            helper.make_node("Mul", ["b", "wb"], ["mb"]),
            helper.make_node("Add", ["ma", "mb"], ["sum"]),
            helper.make_node("Sigmoid", ["sum"], ["p"]),
        ]
        double = TensorProto.DOUBLE
        graph = helper.make_graph(
            nodes,
            "g",
            [helper.make_tensor_value_info(n, double, [None, 1]) for n in "ab"],
            [helper.make_tensor_value_info("p", double, [None, 1])],
            [
                helper.make_tensor(f"w{n}", double, [], [w])
                for n, w in zip("ab", WEIGHTS, strict=True)
            ],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
        return case("graph", model.SerializeToString(), {"output": "p"})


class TestPython(ForeignRuntimeContract):
    @pytest.fixture
    def case(self):
        code = (
            "import numpy as np\n"
            "from neighbour import WEIGHTS\n"
            "class Model:\n"
            "    def predict(self, columns):\n"
            "        total = sum(w * columns[n] for n, w in WEIGHTS.items())\n"
            "        return 1 / (1 + np.exp(-total))\n"
        )
        entry = {"module": "model", "class": "Model"}
        neighbour = f"WEIGHTS = {dict(zip('ab', WEIGHTS.tolist(), strict=True))}"
        files = {"model.py": code, "neighbour.py": neighbour, ENTRY: json.dumps(entry)}
        return case("python", pack_files({n: text.encode() for n, text in files.items()}))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        rows = json.loads(self.rfile.read(int(self.headers["content-length"])))["records"]
        sums = np.array([[row["a"], row["b"]] for row in rows]) @ WEIGHTS
        found = [{"prediction": 1, "probability": p} for p in (1 / (1 + np.exp(-sums))).tolist()]
        body = json.dumps({"predictions": found}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def url():
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.block_on_close = False
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/predict"
    server.shutdown()
    server.server_close()


class TestEndpoint(ForeignRuntimeContract):
    @pytest.fixture
    def case(self, url):
        facts = {"url": url, "contract": "records", "timeout": 5, "token": None}
        return case("endpoint", to_bytes(facts))


@pytest.mark.heavy
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
class TestTorchscript(ForeignRuntimeContract):
    @pytest.fixture
    def case(self):
        torch = pytest.importorskip("torch")
        layer = torch.nn.Linear(2, 1)
        layer.weight.data = torch.tensor(WEIGHTS[None, :], dtype=torch.float32)
        layer.bias.data.zero_()
        file = io.BytesIO()
        torch.jit.save(torch.jit.script(layer), file)
        return case("torchscript", file.getvalue(), {"link": "logistic"})


@pytest.mark.heavy
@pytest.mark.filterwarnings("ignore")
class TestPyfunc(ForeignRuntimeContract):
    @pytest.fixture
    def case(self, tmp_path):
        mlflow = pytest.importorskip("mlflow.pyfunc")

        class Model(mlflow.PythonModel):
            def predict(self, context, model_input, params=None):
                return 1 / (1 + np.exp(-(model_input["a"] * 1.5 - model_input["b"] * 0.5)))

        mlflow.save_model(tmp_path / "m", python_model=Model(), pip_requirements=[])
        return case("pyfunc", pack(tmp_path / "m"))


@pytest.mark.heavy
@pytest.mark.filterwarnings("ignore")
class TestSavedmodel(ForeignRuntimeContract):
    tolerance = 1e-5

    @pytest.fixture
    def case(self, tmp_path):
        tf = pytest.importorskip("tensorflow")

        class Module(tf.Module):
            @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32)])
            def serve(self, x):
                return {"p": tf.sigmoid(tf.linalg.matvec(x, tf.constant(WEIGHTS, tf.float32)))}

        module = Module()
        tf.saved_model.save(module, tmp_path / "m", signatures=module.serve)
        return case("savedmodel", pack(tmp_path / "m"))


def test_every_foreign_runtime_runs_the_suite():
    tested = {name.removeprefix("Test").lower() for name in globals() if name.startswith("Test")}
    assert tested == set(FOREIGN.names())
