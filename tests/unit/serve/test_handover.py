from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from mlwright.core.errors import RemoteError
from mlwright.serve.handover import Handover, received
from mlwright.serve.spec import WorkerSpec
from mlwright.serve.worker import listening


def test_the_very_socket_is_handed_over(tmp_path: Path) -> None:
    path = tmp_path / "w.fd"

    async def run() -> socket.socket | None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            handover = Handover(path, listener)
            port = listener.getsockname()[1]
        handover.start()
        taken = await asyncio.to_thread(received, path)
        handover.close()
        assert taken is not None
        assert taken.getsockname()[1] == port
        return taken

    taken = asyncio.run(run())
    assert taken is not None
    with taken, socket.create_connection(taken.getsockname()):
        taken.accept()[0].close()
    assert not path.exists()


def test_nobody_hands_over_what_is_not_there(tmp_path: Path) -> None:
    assert received(tmp_path / "none.fd") is None


def test_a_worker_takes_the_socket_that_is_handed_to_it(tmp_path: Path) -> None:
    spec = WorkerSpec("", "tiny", 1, "", "", "", "", listen_from=str(tmp_path / "door"))

    async def run() -> socket.socket | None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            handover = Handover(tmp_path / "door", listener)
        handover.start()
        taken = await asyncio.to_thread(listening, spec)
        handover.close()
        return taken

    taken = asyncio.run(run())
    assert taken is not None
    taken.close()
    with pytest.raises(RemoteError) as caught:
        listening(spec)
    assert str(caught.value) == f"no listening socket was handed over at {tmp_path / 'door'}"
