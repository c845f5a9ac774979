"""What can only be loaded by running code is refused until its user trusts it."""

import hashlib
import json
import subprocess
import sys
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from mlwright.bundle.bundle import Bundle
from mlwright.bundle.manifest import seal, to_bytes
from mlwright.bundle.trust import Trust
from mlwright.core.errors import BundleError, ConfigError, NotFound, RemoteError

CODE = """
import pathlib
pathlib.Path({mark!r}).write_text("ran")
import numpy as np
class Rule:
    def predict(self, columns):
        return 1 / (1 + np.exp(-columns["a"]))
"""


@pytest.fixture
def rule(tmp_path):
    path = tmp_path / "rule.py"
    path.write_text(CODE.format(mark=str(tmp_path / "mark")))
    return f"{path}:Rule"


def trusted(caught):
    assert caught.value.hint.startswith(
        "if you know who made it, add it to mlwright.yaml:\ntrust:\n  bundles:\n    - "
    )
    return Trust(bundles=(caught.value.hint.split()[-1],))


def test_a_class_runs_only_when_trusted(rule, numbers, packaged, predict, tmp_path):
    with pytest.raises(BundleError) as caught:
        packaged(rule, numbers.asked())
    assert str(caught.value) == (
        f"{rule} runs code of its own when it is loaded, and is not trusted"
    )
    assert not (tmp_path / "mark").exists()
    found = packaged(rule, numbers.asked(trust=trusted(caught)))
    assert (tmp_path / "mark").exists()
    assert found.bundle.runs_code
    expected = 1 / (1 + np.exp(-numbers.frame.a))
    assert predict(found.bundle, numbers.frame).scores == pytest.approx(expected)


def test_a_bundle_that_runs_code_is_not_loaded_untrusted(rule, numbers, packaged):
    with pytest.raises(BundleError) as caught:
        packaged(rule, numbers.asked())
    trust = trusted(caught)
    bundle = packaged(rule, numbers.asked(trust=trust)).bundle
    opened = Bundle.open(bundle.path)
    with pytest.raises(BundleError, match=r"^the model model runs code of its own"):
        opened.model()
    Bundle.open(bundle.path, trust=trust).model()
    assert trust.bundles == (hashlib.sha256(opened.files["model.zip"]).hexdigest(),)


def test_a_manifest_that_denies_it_changes_nothing(rule, numbers, packaged, tmp_path):
    with pytest.raises(BundleError) as caught:
        packaged(rule, numbers.asked())
    bundle = packaged(rule, numbers.asked(trust=trusted(caught))).bundle
    facts = {n: v for n, v in bundle.facts.items() if n not in ("files", "format")}
    folder = tmp_path / "lie"
    folder.mkdir()
    for name, data in seal(bundle.files, {**facts, "runs_code": False}).items():
        (folder / name).write_bytes(data)
    with pytest.raises(BundleError, match="runs code of its own"):
        Bundle.open(folder).model()


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{0}/none.py:Rule", "there is no file {0}/none.py"),
        ("{0}/rule.py:a b", "'a b' is no name of a class"),
    ],
)
def test_a_class_that_is_not_there(rule, numbers, packaged, tmp_path, source, text):
    with pytest.raises((NotFound, ConfigError)) as caught:
        packaged(source.format(tmp_path), numbers.asked())
    assert str(caught.value) == text.format(tmp_path)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("class Other: pass", "the module m has no class 'Rule'"),
        ("class Rule: pass", "Rule has no method predict"),
        ("import nothing_like_it", "the module m cannot be imported: ModuleNotFoundError"),
        ("class Rule:\n def predict(self, c): raise ValueError(7)", "Rule.predict failed: Value"),
        ("class Rule:\n def predict(self, c): return ['x'] * 300", "the model answered labels"),
        ("class Rule:\n def predict(self, c): return [1.0]", "the model answered an array of the"),
    ],
)
def test_a_class_that_is_not_as_it_must_be(numbers, packaged, tmp_path, code, text):
    (tmp_path / "m.py").write_text(code)
    with pytest.raises(BundleError) as caught:
        packaged(f"{tmp_path / 'm.py'}:Rule", numbers.asked())
    with pytest.raises(BundleError) as failed:
        packaged(f"{tmp_path / 'm.py'}:Rule", numbers.asked(trust=trusted(caught)))
    assert str(failed.value).startswith(text)


def test_a_folder_of_code_comes_with_its_weights(numbers, packaged, predict, tmp_path):
    folder = tmp_path / "code"
    (folder / "pkg").mkdir(parents=True)
    (folder / "pkg" / "__init__.py").touch()
    (folder / "weights.json").write_text(json.dumps({"a": 2.0}))
    (folder / "pkg" / "model.py").write_text(
        "import json, pathlib\nimport numpy as np\nfrom pkg import other\n"
        "class Rule:\n"
        "    def __init__(self):\n"
        "        file = pathlib.Path(__file__).parent.parent / 'weights.json'\n"
        "        self.weights = json.loads(file.read_text())\n"
        "    def predict(self, columns):\n"
        "        return other.logistic(self.weights['a'] * columns['a'])\n"
    )
    (folder / "pkg" / "other.py").write_text(
        "import numpy as np\ndef logistic(x): return 1 / (1 + np.exp(-x))\n"
    )
    source = f"{folder / 'pkg' / 'model.py'}:Rule"
    with pytest.raises(BundleError) as caught:
        packaged(source, numbers.asked(code=folder))
    found = packaged(source, numbers.asked(code=folder, trust=trusted(caught)))
    expected = 1 / (1 + np.exp(-2 * numbers.frame.a))
    assert predict(found.bundle, numbers.frame).scores == pytest.approx(expected)
    assert "pkg" not in sys.modules


class _Server(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        known = {"/records": "records", "/mlflow": "dataframe_split", "/vertex": "instances"}
        rows = body.get(known.get(self.path, ""))
        self.send_response(200 if rows else 400)
        self.end_headers()
        if rows and self.path == "/mlflow":
            self.wfile.write(json.dumps({"predictions": [1] * len(rows["data"])}).encode())
        elif rows:
            self.wfile.write(json.dumps({"predictions": [0.25] * len(rows)}).encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    made = ThreadingHTTPServer(("127.0.0.1", 0), _Server)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{made.server_port}"
    made.shutdown()
    made.server_close()


@pytest.mark.parametrize(
    ("path", "contract", "score"),
    [("/records", "records", 0.25), ("/mlflow", "mlflow", 1.0), ("/vertex", "instances", 0.25)],
)
def test_an_endpoint_is_asked_in_its_own_contract(
    numbers, packaged, predict, server, path, contract, score
):
    found = packaged(f"{server}{path}", numbers.asked())
    assert found.bundle.params == {"contract": contract}
    assert set(predict(found.bundle, numbers.frame).scores.tolist()) == {score}
    assert not found.bundle.runs_code


def test_an_endpoint_that_answers_nothing(numbers, packaged, server):
    with pytest.raises(RemoteError, match=r"^no contract is understood there: records: http"):
        packaged(f"{server}/none", numbers.asked())


@pytest.mark.parametrize(
    ("url", "text"),
    [
        (
            "https://models.example/p?key=1",
            "rows would be sent to https://models.example, which is not trusted\nif they may go "
            "there, add it to mlwright.yaml:\ntrust:\n  endpoints:\n    - https://models.example",
        ),
        (
            "http://models.example/p",
            "http://models.example is not encrypted, and rows would be sent to it\n"
            "use https://, or an endpoint on this machine",
        ),
        (
            "https://me:word@models.example/p",
            "https://models.example is not the address of an endpoint\n"
            "write it as https://host/path, without a name or password in it",
        ),
    ],
)
def test_rows_go_nowhere_that_is_not_trusted(numbers, packaged, url, text):
    with pytest.raises(BundleError) as caught:
        packaged(url, numbers.asked())
    assert f"{caught.value}\n{caught.value.hint}" == text


def test_an_adopted_endpoint_is_not_asked_by_who_does_not_trust_it(numbers, packaged, server):
    bundle = packaged(f"{server}/records", numbers.asked()).bundle
    facts = json.loads(bundle.files["model.json"])
    moved = to_bytes({**facts, "url": "https://models.example/p"})
    with pytest.raises(BundleError, match="which is not trusted"):
        replace(bundle, files={**bundle.files, "model.json": moved}).model()


def test_a_kill_in_the_middle_leaves_nothing_half(rule, numbers, packaged, workspace):
    first = packaged_linear(workspace)
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from mlwright.bundle import packaging, write\n"
        "from mlwright.bundle.imports.asked import Asked\n"
        "from mlwright.core.workspace import Workspace\n"
        "real = write._write_through; left = [4]\n"
        "def dying(path, data):\n"
        "    left[0] -= 1\n"
        "    if not left[0]: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    real(path, data)\n"
        "write._write_through = dying\n"
        "packaging.package(Workspace(Path(sys.argv[1])), 'one', name='two', asked=Asked())\n"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(workspace.root)])
    assert killed.returncode == -9
    names = {path.name for path in workspace.bundles.iterdir()}
    assert {n for n in names if not n.startswith(".")} == {first.bundle.hash}
    again = packaged("one", numbers.asked(), name="two")
    assert (again.version.model, again.version.version) == ("two", 1)
    assert {p.name for p in workspace.bundles.iterdir()} == {first.bundle.hash, again.bundle.hash}


def packaged_linear(workspace):
    import skops.io
    from sklearn.linear_model import LinearRegression

    from mlwright.bundle.imports.asked import Asked
    from mlwright.bundle.packaging import package

    path = workspace.root / "m.skops"
    skops.io.dump(LinearRegression().fit(np.eye(3), np.arange(3.0)), path)
    return package(workspace, str(path), name="one", asked=Asked(columns=("a", "b", "c")))
