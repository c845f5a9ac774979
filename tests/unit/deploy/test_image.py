from __future__ import annotations

import base64
import dataclasses
import hashlib
import io
import sys
import zipfile
from pathlib import Path

import pytest

from mlwright.bundle.bundle import Bundle
from mlwright.bundle.export import export
from mlwright.core.errors import ConfigError
from mlwright.deploy.image import Image, image_of, pins
from mlwright.deploy.image_wheel import wheel
from mlwright.testing.target import sample_bundle


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return sample_bundle(tmp_path_factory.mktemp("bundles"))


@pytest.fixture(scope="module")
def image(bundle: Bundle) -> Image:
    return image_of("Churn_EU", 3, bundle)


def test_the_base_is_pythons_own_unless_another_is_named(bundle: Bundle, image: Image) -> None:
    first = image.files["Dockerfile"].decode().splitlines()[0]
    assert first == f"ARG BASE=python:3.{sys.version_info.minor}-slim"
    other = image_of("Churn_EU", 3, bundle, base="corp/python:1")
    assert other.files["Dockerfile"].decode().splitlines()[0] == "ARG BASE=corp/python:1"
    assert other.tag != image.tag


def test_the_same_content_has_the_same_tag(bundle: Bundle, image: Image) -> None:
    assert image_of("Churn_EU", 3, bundle) == image
    assert image.tag.startswith("mlwright/churn-eu:3-")


def test_it_needs_what_the_bundle_names_and_no_more(image: Image) -> None:
    asked = image.files["requirements.txt"].decode().split()
    assert [each.partition("==")[0] for each in asked] == ["numpy"]
    pinned = {line.partition("==")[0] for line in image.files["constraints.txt"].decode().split()}
    assert {"numpy", "click", "pydantic-core", "onnxruntime"} <= pinned
    assert not pinned & {"scikit-learn", "pandas", "lightgbm", "mlflow-skinny", "mlwright"}


def test_it_runs_as_nobody_and_answers_by_itself(image: Image) -> None:
    lines = image.files["Dockerfile"].decode().splitlines()
    assert "USER 65532:65532" in lines
    assert lines[-2] == 'ENTRYPOINT ["mlwright"]'
    assert lines[-1].startswith('CMD ["serve", "/bundle", "--host", "0.0.0.0", "--port", "8080"')


def test_what_is_written_is_all_that_the_dockerfile_copies(image: Image, tmp_path: Path) -> None:
    image.write(tmp_path / "context")
    found = {
        path.relative_to(tmp_path / "context").parts[0]
        for path in (tmp_path / "context").rglob("*")
    }
    code = next(name for name in image.files if name.endswith(".whl"))
    assert found == {"Dockerfile", "bundle", "constraints.txt", "requirements.txt", code}
    copied = Bundle.open(tmp_path / "context" / "bundle")
    assert copied.hash in image.files["Dockerfile"].decode()


def test_an_index_has_no_image(bundle: Bundle) -> None:
    index = dataclasses.replace(bundle, facts={**bundle.facts, "kind": "rag"})
    with pytest.raises(ConfigError) as caught:
        image_of("kb", 2, index)
    assert str(caught.value) == (
        "kb:2 is no model but an application (rag): it needs more of this machine than its bundle, "
        "and has no image"
    )
    assert caught.value.hint == "--platform local"


def test_the_context_is_an_export_form(bundle: Bundle, tmp_path: Path) -> None:
    found = export(bundle, "docker", tmp_path / "tiny")
    assert (tmp_path / "tiny" / "Dockerfile").is_file()
    assert found.notes == (
        f"docker build --tag mlwright/tiny {tmp_path / 'tiny'} makes the image; it answers on port "
        "8080, and logs predictions to /log",
    )


def test_the_wheel_says_what_it_holds() -> None:
    name, content = wheel()
    assert (name, content) == wheel()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        files = {each: archive.read(each) for each in archive.namelist()}
    record = next(each for each in files if each.endswith("RECORD"))
    lines = [line.split(",") for line in files[record].decode().split()]
    assert {line[0] for line in lines} == set(files)
    for path, digest, size in lines:
        if path != record:
            found = hashlib.sha256(files[path]).digest()
            assert digest == "sha256=" + base64.urlsafe_b64encode(found).rstrip(b"=").decode()
            assert int(size) == len(files[path])
    assert "mlwright/serve/worker.py" in files
    assert not [each for each in files if "__pycache__" in each]


def test_what_rests_on_what_is_followed_by_any_spelling() -> None:
    assert [pin.partition("==")[0] for pin in pins(["SQLAlchemy"])] == [
        pin.partition("==")[0] for pin in pins(["sqlalchemy", "no-such-package"])
    ]
