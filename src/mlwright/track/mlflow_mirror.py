"""MLflow itself, by its own client: the one module that imports it."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mlwright.core.errors import RemoteError
from mlwright.track.mirror import MLFLOW_ID
from mlwright.track.outbox import Refused

# The user's own environment wins: these are set only where it says nothing.
_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}
_OUR_RUN = "mlwright.run"
_OUR_VERSION = "mlwright.version"
_BUNDLE = "bundle"
_MOST_BEGUN = 10_000
_STATUS = {"finished": "FINISHED", "failed": "FAILED", "killed": "KILLED"}
_REFUSALS = {
    "BAD_REQUEST",
    "INVALID_PARAMETER_VALUE",
    "INVALID_STATE",
    "PERMISSION_DENIED",
    "RESOURCE_ALREADY_EXISTS",
    "RESOURCE_DOES_NOT_EXIST",
}


class Mirror:
    """Runs, versions and aliases in one MLflow store.

    Every method raises `RemoteError` when the store does not answer, and `Refused` when it does
    not take what it was given. Each may be repeated: what is there already is left as it is.
    """

    def __init__(self, uri: str, *, artifacts: str | None = None, token: str | None = None) -> None:
        self._uri = uri
        self._artifacts = artifacts
        self._token = token
        self._experiments: dict[str, str] = {}
        self._begun: dict[str, dict[str | None, str]] = {}

    def load(self) -> None:
        """Import MLflow, and ask it nothing."""
        with _quiet(self._settings()), _translated():
            from mlflow import MlflowClient  # noqa: F401

    def find_run(self, run: Mapping[str, Any]) -> str | None:
        """Return the id in MLflow of a run of ours, when it was made there and not yet ended.

        One search an experiment answers for all runs that are sent in one go.
        """
        name = run["experiment"]
        if name not in self._begun:
            with self._client() as client:
                found = client.search_runs(
                    [self._experiment(client, name)],
                    filter_string="attributes.status = 'RUNNING'",
                    max_results=_MOST_BEGUN,
                )
            self._begun[name] = {each.data.tags.get(_OUR_RUN): each.info.run_id for each in found}
        return self._begun[name].get(run["id"])

    def create_run(self, run: Mapping[str, Any], parent: str | None) -> str:
        """Make a run, with its parameters and tags, and return its id."""
        tags = {**_texts(run["tags"]), _OUR_RUN: run["id"]}
        if parent:
            tags["mlflow.parentRunId"] = parent
        with self._client() as client:
            made = client.create_run(
                self._experiment(client, run["experiment"]),
                start_time=_milliseconds(run["started"]),
                run_name=run["name"],
                tags=tags,
            )
            if run["ended"] is None:  # else `end_run` logs all there is, in one batch
                client.log_batch(made.info.run_id, params=_params(run["params"]))
        return str(made.info.run_id)

    def end_run(self, known: str, run: Mapping[str, Any], files: list[str]) -> None:
        """Give a run its metrics, tags and files, and end it."""
        from mlflow.entities import Metric, RunTag

        ended = _milliseconds(run["ended"])
        metrics = [Metric(name, value, ended, 0) for name, value in run["metrics"].items()]
        tags = [RunTag(name, value) for name, value in _texts(run["tags"]).items()]
        with self._client() as client:
            client.log_batch(known, metrics=metrics, params=_params(run["params"]), tags=tags)
            for file in files:
                _present(Path(file))
                client.log_artifact(known, file)
            client.set_terminated(known, _STATUS[run["status"]], ended)

    def add_version(self, model: str, version: int, bundle: Path, run: str | None) -> None:
        """Register a version, with a copy of its bundle among the run's artifacts."""
        _present(bundle)
        with self._client() as client:
            with contextlib.suppress(Refused), _translated():
                client.create_registered_model(model)  # refused where it is there already
            if _version(client, model, version):
                return
            run_id = run or self._bare_run(client, f"{model}:{version}")
            client.log_artifacts(run_id, str(bundle), _BUNDLE)
            source = f"{client.get_run(run_id).info.artifact_uri}/{_BUNDLE}"
            tags = {_OUR_VERSION: str(version), "mlwright.bundle": bundle.name}
            client.create_model_version(model, source, run_id, tags=tags)

    def set_alias(self, model: str, alias: str, version: int) -> None:
        """Make an alias of a registered model point to a version."""
        with self._client() as client:
            known = _version(client, model, version)
            if known is None:
                raise Refused(f"MLflow has no version {version} of {model}")
            client.set_registered_model_alias(model, alias, known)

    def fetch(self, address: str, folder: Path) -> Path:
        """Copy the model of an MLflow URI below a folder, and return where it lies."""
        # By its environment: names of models are looked up there, whatever a call is given.
        here = {
            "MLFLOW_TRACKING_URI": self._uri,
            "MLFLOW_REGISTRY_URI": self._uri,
            "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        }
        with self._client(), _quiet(here):
            from mlflow.artifacts import download_artifacts

            found = download_artifacts(
                artifact_uri=address, dst_path=str(folder), tracking_uri=self._uri
            )
        return Path(found)

    def _settings(self) -> dict[str, str]:
        found = {name: value for name, value in _ENVIRONMENT.items() if name not in os.environ}
        if self._token:
            found["MLFLOW_TRACKING_TOKEN"] = self._token
        if self._artifacts:
            # Else a new store's experiment Default would point into the current folder.
            found["_MLFLOW_SERVER_ARTIFACT_ROOT"] = self._artifacts
        return found

    def _bare_run(self, client: Any, name: str) -> str:
        run = client.create_run(self._experiment(client, "mlwright"), run_name=name)
        client.set_terminated(run.info.run_id)
        return str(run.info.run_id)

    def _experiment(self, client: Any, name: str) -> str:
        if name not in self._experiments:
            found = client.get_experiment_by_name(name)
            self._experiments[name] = str(
                found.experiment_id
                if found
                else client.create_experiment(name, artifact_location=self._artifacts)
            )
        return self._experiments[name]

    @contextlib.contextmanager
    def _client(self) -> Iterator[Any]:
        with _quiet(self._settings()), _translated():
            from mlflow import MlflowClient

            _make_store(self._uri)
            yield MlflowClient(self._uri, self._uri)


def _make_store(uri: str) -> None:
    """Make a new SQLite store whole, or not at all.

    MLflow builds its tables in some seconds and never gets over being killed in between.
    """
    path = Path(uri.removeprefix("sqlite:///"))
    if not uri.startswith("sqlite:///") or path.exists():
        return
    from mlflow import MlflowClient

    path.parent.mkdir(parents=True, exist_ok=True)
    making = path.with_name(f"{path.name}.making")
    with path.with_name(f"{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if path.exists():
            return
        making.unlink(missing_ok=True)  # of a process that was killed: the lock says so
        unfinished = f"sqlite:///{making}"
        try:
            MlflowClient(unfinished, unfinished).search_experiments(max_results=1)
            making.replace(path)
        finally:
            making.unlink(missing_ok=True)  # of a disk that is full


def _version(client: Any, model: str, version: int) -> str | None:
    """Return MLflow's own number of a version of ours; somebody else may have added some."""
    for found in client.search_model_versions(f"name = '{model}'"):
        if found.tags.get(_OUR_VERSION) == str(version):
            return str(found.version)
    return None


def _present(path: Path) -> None:
    if not path.exists():
        raise Refused(f"{path} is no longer there")


def _params(params: Mapping[str, Any]) -> list[Any]:
    from mlflow.entities import Param

    return [Param(name, str(value)) for name, value in params.items()]


def _texts(tags: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in tags.items() if name != MLFLOW_ID}


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except RemoteError:
        raise
    except Exception as exc:  # MLflow lets errors of requests, SQLAlchemy and others through
        first = str(exc).partition("\n")[0]
        if getattr(exc, "error_code", None) in _REFUSALS:
            raise Refused(f"MLflow refused: {first}") from exc
        raise RemoteError(
            f"MLflow does not answer: {first}",
            hint="start the tracking server, or correct tracking.uri in mlwright.yaml",
        ) from exc


@contextlib.contextmanager
def _quiet(wanted: Mapping[str, str]) -> Iterator[None]:
    """Keep MLflow from logging, warning, reporting home, and trying for minutes."""
    before = {name: os.environ.get(name) for name in wanted}
    logger = logging.getLogger("mlflow")
    level = logger.level
    os.environ.update(wanted)
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
