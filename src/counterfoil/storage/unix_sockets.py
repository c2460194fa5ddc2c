"""Sockets in the file system, for servers that only their own user's programs may reach."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path
from typing import Final

SOCKET_MODE: Final = 0o600
UNIX_PATH_BYTES_MAX: Final = 107
"""What the system has room for in a socket's address."""
BACKLOG: Final = 64


def unix_socket(path: Path) -> socket.socket:
    """A listening socket that this user alone can connect to; what a killed server left there is replaced.

    OSError where another process serves it, or the path is too long.
    """
    if len(os.fsencode(path)) > UNIX_PATH_BYTES_MAX:
        raise OSError(
            f"the path of a socket has at most {UNIX_PATH_BYTES_MAX} bytes: choose a shorter one than {path}"
        )
    if path.exists() and stat.S_ISSOCK(path.stat().st_mode):
        _remove_if_dead(path)
    listening = socket.socket(socket.AF_UNIX)
    try:
        before = os.umask(0o777 - SOCKET_MODE)
        try:
            listening.bind(str(path))
        finally:
            os.umask(before)
        listening.listen(BACKLOG)
    except BaseException:
        listening.close()
        raise
    return listening


def _remove_if_dead(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise OSError(f"another process serves {path}")
