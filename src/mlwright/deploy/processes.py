"""Processes that outlive whoever started them: found by the lock on their pid file.

A pid file is written by its process, which holds an exclusive lock on it for life. So a process
is alive exactly when the lock is held: no number that another process got later can deceive.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import signal
import socket
import stat
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from mlwright.core import clock
from mlwright.core.errors import Busy, MlwrightError, UserError
from mlwright.serve.ports import refused

_POLL = 0.02
_BACKLOG = 2048


def claim(path: Path) -> None:
    """Write this process's pid file and hold its lock until the process ends, however it ends.

    Raises:
        Busy: another process holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        raise Busy(f"{path.stem} runs already", hint="mlwright status shows it") from None
    os.ftruncate(file, 0)
    os.write(file, json.dumps({"pid": os.getpid(), "since": clock.now()}).encode())


def living(path: Path) -> int | None:
    """Return the number of the process that holds this pid file, or None when none does."""
    try:
        with path.open() as file:
            number = int(json.loads(file.read())["pid"])
            os.kill(number, 0)
            # A held lock is looked at only now, as looking at a free one takes it for an instant.
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return number
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return None


def held(path: Path) -> bool:
    """Return whether a process holds this pid file that may have another number here than there.

    For those in containers: a file of theirs is removed before it is made anew, so that looking
    at a dead one's lock keeps nobody from theirs.
    """
    try:
        with path.open() as file:
            if file.read():  # written by whoever holds it already
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def end(pid_files: Iterable[Path], *, grace: float) -> None:
    """End the processes of these pid files, remove the files, and return when none is alive.

    Each is asked first, and killed when it still lives after `grace` seconds.

    Raises:
        MlwrightError: one cannot be killed.
    """
    paths = list(pid_files)
    for sent, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, 5.0)):
        for path in paths:
            if number := living(path):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(number, sent)
        if wait_until(lambda: not any(map(living, paths)), patience):
            for path in paths:
                path.unlink(missing_ok=True)
            return
    left = [str(number) for path in paths if (number := living(path))]
    raise MlwrightError(f"these processes do not end: {', '.join(left)}", hint="kill -9 them")


def wait_until(true: Callable[[], bool], seconds: float) -> bool:
    """Return whether it came true within this time."""
    until = time.monotonic() + seconds
    while not true():
        if time.monotonic() > until:
            return False
        time.sleep(_POLL)
    return True


def detach(
    command: Sequence[str], *, log: Path, folder: Path, keep: Sequence[int]
) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own that writes to `log` and outlives this one.

    `keep` are the file descriptors that it inherits.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            pass_fds=keep,
        )
    # While this process lives, somebody must take note of the end of its child.
    threading.Thread(target=process.wait, daemon=True).start()
    return process


def socket_folder(environment: Path) -> Path:
    """Return a private folder with a short name, made if need be: unix sockets need short paths.

    Raises:
        UserError: something else of that name is in its place.
    """
    digest = hashlib.sha256(str(environment).encode()).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / f"mlwright-{os.geteuid()}-{digest}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    private = stat.S_ISDIR(found.st_mode) and not stat.S_IMODE(found.st_mode) & 0o077
    if found.st_uid != os.geteuid() or not private:
        raise UserError(
            f"{folder} is not a private folder of yours", hint="remove it, or set TMPDIR"
        )
    return folder


def listen(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """Return a socket that listens there; port 0 takes a free one.

    `shared` returns one that is bound beside another of this function: the workers that a dead
    supervisor left hold theirs until those of its successor answer. It does not listen yet, as
    it would get its part of the connections from then on; the first worker that accepts does.

    Raises:
        Busy: the port is in use.
        UserError: the host is not one of this machine, or the port is not ours to take.
    """
    if port and not shared:
        _bind(host, port, reuse_port=False).close()
    sock = _bind(host, port, reuse_port=True)
    if not shared:
        sock.listen(_BACKLOG)
    return sock


def _bind(host: str, port: int, *, reuse_port: bool) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind((host, port))
    except OSError as exc:
        sock.close()
        raise refused(host, port, exc) from exc
    return sock
