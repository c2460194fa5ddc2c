"""Where encrypted personal data lie: any store that `obstore` reaches, a folder of this machine or a bucket.

    file:///var/lib/names          s3://bucket/prefix (credentials and endpoint from AWS_… variables)

The store learns how many records there are, when they came and went, and their sizes in steps of 4 KiB; nothing else.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from counterfoil.custody.key_files import KeyFileError
from counterfoil.storage import files

BLOB_BYTES_MAX: Final = 64 << 20
_SCHEMES: Final = ("file", "s3", "gs", "az")


class BlobError(Exception):
    """The store did not do what was asked; the message says what, and never what is in a blob."""


class Blobs:
    """One store, under one prefix."""

    def __init__(self, url: str, options: dict[str, str] | None = None) -> None:
        self._obstore, store = _libraries()
        parts = urlsplit(url)
        if parts.scheme not in _SCHEMES:
            raise KeyFileError(
                f"{url!r} names no store: it begins with {', '.join(f'{one}://' for one in _SCHEMES)}."
            )
        self.url = url
        self._folder: Path | None = None
        if parts.scheme == "file":
            self._folder = Path(unquote(parts.path))
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            self._store: Any = store.from_url(url, **(options or {}))
        except Exception as error:
            raise KeyFileError(f"The store {url} cannot be opened: {_first_line(error)}") from None

    def put(self, path: str, data: bytes) -> None:
        """Write a blob once; there must be none. What is there already stays, and BlobError says so."""
        try:
            self._obstore.put(self._store, path, data, mode="create")
        except Exception as error:
            raise BlobError(f"{path} cannot be written: {_first_line(error)}") from None
        if self._folder is not None:
            self._sync(self._folder / path)

    def get(self, path: str) -> bytes | None:
        """None where there is none."""
        try:
            return bytes(self._obstore.get(self._store, path).bytes())
        except FileNotFoundError:
            return None
        except Exception as error:
            raise BlobError(f"{path} cannot be read: {_first_line(error)}") from None

    def delete(self, path: str) -> None:
        """So that there is none; whether there was one does not matter."""
        try:
            self._obstore.delete(self._store, path)
        except FileNotFoundError:
            return
        except Exception as error:
            raise BlobError(f"{path} cannot be deleted: {_first_line(error)}") from None

    def paths(self) -> Iterator[str]:
        """Of all blobs, in no order."""
        try:
            for some in self._obstore.list(self._store):
                yield from (str(one["path"]) for one in some)
        except Exception as error:
            raise BlobError(f"The store cannot be listed: {_first_line(error)}") from None

    @staticmethod
    def _sync(path: Path) -> None:
        """The library leaves durability to the system; a record of ours must be there after a power failure."""
        descriptor = os.open(path, os.O_RDONLY)
        try:
            files.sync(descriptor)
        finally:
            os.close(descriptor)
        files.sync_directory(path.parent)


def _libraries() -> tuple[Any, Any]:
    try:
        import obstore
        from obstore import store
    except ModuleNotFoundError:
        raise KeyFileError(
            "The store of personal data needs the package obstore: pip install 'counterfoil[vault]'."
        ) from None
    return obstore, store


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
