import json

import pytest

from mlwright.core.errors import ConfigError, MlwrightError, NotFound, RemoteError
from mlwright.train.pretrained import fingerprint, longest, pretrained


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "bert", "max_position_embeddings": 128}')
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    return tmp_path


@pytest.mark.parametrize(
    ("file", "text", "why"),
    [
        ("config.json", None, "it has no config.json"),
        ("config.json", "{", "its config.json is not JSON"),
        ("config.json", "[]", "its config.json is no object"),
        ("config.json", "{}", "its config.json names no model_type"),
        ("model.safetensors", None, "it has no weights in safetensors"),
    ],
)
def test_a_folder_that_is_no_model(folder, file, text, why):
    (folder / file).unlink()
    if text is not None:
        (folder / file).write_text(text)
    (folder / "pytorch_model.bin").write_bytes(b"a pickle, which is never read")
    with pytest.raises(ConfigError) as caught:
        pretrained(str(folder))
    assert str(caught.value) == f"the base model in {folder} cannot be used: {why}"
    assert caught.value.hint == (
        "give a folder as `save_pretrained` of the library transformers writes it"
    )


@pytest.mark.parametrize("base", ["./not-there", "/not/there", "a/b/c", "model.safetensors:x"])
def test_what_is_neither_a_folder_nor_an_id(base):
    with pytest.raises(NotFound) as caught:
        pretrained(base)
    assert str(caught.value) == f"the base model {base!r} is no folder"


def test_how_much_a_model_reads(folder):
    assert longest(folder) == 128
    (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 100}))
    assert longest(folder) == 100
    (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": int(1e30)}))
    assert longest(folder) == 128
    config = {"model_type": "roberta", "max_position_embeddings": 514}
    (folder / "config.json").write_text(json.dumps(config))
    assert longest(folder) == 512


def test_other_weights_have_another_fingerprint(folder):
    before = fingerprint(folder)
    assert fingerprint(folder) == before
    (folder / "model.safetensors").write_bytes(b"others!")
    assert fingerprint(folder) != before


class TestHub:
    """The hub is a fake in place of the one call, so that nothing leaves this machine."""

    @pytest.fixture
    def hub(self, monkeypatch, folder):
        hub = pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed")
        from huggingface_hub.errors import LocalEntryNotFoundError

        asked = []

        def snapshot_download(**wanted):
            asked.append(wanted)
            if wanted.get("local_files_only"):
                raise LocalEntryNotFoundError("not in the cache")
            if isinstance(self.answer, Exception):
                raise self.answer
            return str(folder)

        self.answer = None
        monkeypatch.setattr(hub, "snapshot_download", snapshot_download)
        return asked

    def test_nothing_is_downloaded_unasked(self, hub):
        with pytest.raises(ConfigError) as caught:
            pretrained("someone/tiny")
        assert str(caught.value) == (
            "the base model 'someone/tiny' is neither a folder nor in this machine's cache"
        )
        assert caught.value.hint == (
            "add --download to fetch it from the Hugging Face hub, or give a folder"
        )
        assert [wanted["local_files_only"] for wanted in hub] == [True]

    def test_when_asked_it_is_and_without_code_or_pickles(self, hub, folder):
        said = []
        assert pretrained("someone/tiny@v1", download=True, say=said.append) == folder
        assert said == ["downloading someone/tiny@v1 from the Hugging Face hub"]
        assert hub[-1]["repo_id"] == "someone/tiny"
        assert hub[-1]["revision"] == "v1"
        assert not [p for p in hub[-1]["allow_patterns"] if p.endswith((".py", ".bin", ".pt"))]

    def test_a_hub_that_is_out_of_reach(self, hub):
        self.answer = ConnectionError("no route")
        with pytest.raises(RemoteError) as caught:
            pretrained("someone/tiny", download=True)
        assert str(caught.value) == (
            "the base model 'someone/tiny' cannot be downloaded: ConnectionError"
        )
        assert caught.value.hint == ("check the connection, or give the folder of a copy to --base")
        assert isinstance(caught.value, MlwrightError)
