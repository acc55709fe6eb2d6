"""Stores made of other stores: a folder of one, and one whose blobs lie elsewhere."""

from __future__ import annotations

from collections.abc import Collection

from imagespec.scan import LayerBlob
from imagespec.sources.store import Store

_BLOBS = "blobs/"


class _View:
    def __init__(self, inner: Store) -> None:
        self.inner = inner

    @property
    def kind(self) -> str:
        """Return the kind of the inner store."""
        return self.inner.kind

    @property
    def end_bytes(self) -> int | None:
        """Return where a tar without an end marker ends."""
        return self.inner.end_bytes

    def names(self) -> Collection[str]:
        """Return the names of the inner store."""
        return self.inner.names()

    def has(self, name: str) -> bool:
        """Tell whether there is a file of that name."""
        return self.inner.has(name)

    def read(self, name: str, named_by: str) -> bytes:
        """Return a document."""
        return self.inner.read(name, named_by)

    def blob(self, name: str) -> LayerBlob | None:
        """Return the bytes of a layer."""
        return self.inner.blob(name)

    def close(self) -> None:
        """Nothing to release: the inner store has an owner."""


class Remembering(_View):
    """A store whose documents at the root are read once, however many layouts look at them."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self._documents: dict[str, bytes] = {}

    def read(self, name: str, named_by: str) -> bytes:
        """Return a document."""
        if "/" in name:
            return self.inner.read(name, named_by)
        if name not in self._documents:
            self._documents[name] = self.inner.read(name, named_by)
        return self._documents[name]


class Folder(_View):
    """A folder of a store; ``path`` has no slash at its end."""

    def __init__(self, inner: Store, path: str) -> None:
        super().__init__(inner)
        self.path = path

    def names(self) -> Collection[str]:
        """Return the names of the files in the folder."""
        start = self.path + "/"
        return [name.removeprefix(start) for name in self.inner.names() if name.startswith(start)]

    def has(self, name: str) -> bool:
        """Tell whether the folder has a file of that name."""
        return self.inner.has(f"{self.path}/{name}")

    def read(self, name: str, named_by: str) -> bytes:
        """Return a document."""
        return self.inner.read(f"{self.path}/{name}", named_by)

    def blob(self, name: str) -> LayerBlob | None:
        """Return the bytes of a layer."""
        return self.inner.blob(f"{self.path}/{name}")


class WithBlobs(_View):
    """
    A store whose blobs may lie in another one.

    skopeo's `--dest-shared-blob-dir` writes ``<algorithm>/<hex>`` there, without a ``blobs`` folder above.
    """

    def __init__(self, inner: Store, shared: Store) -> None:
        super().__init__(inner)
        self.shared = shared

    def has(self, name: str) -> bool:
        """Tell whether either has the file."""
        return self.inner.has(name) or self._elsewhere(name) is not None

    def read(self, name: str, named_by: str) -> bytes:
        """Return a document."""
        elsewhere = None if self.inner.has(name) else self._elsewhere(name)
        return self.shared.read(elsewhere, named_by) if elsewhere else self.inner.read(name, named_by)

    def blob(self, name: str) -> LayerBlob | None:
        """Return the bytes of a layer."""
        elsewhere = None if self.inner.has(name) else self._elsewhere(name)
        return self.shared.blob(elsewhere) if elsewhere else self.inner.blob(name)

    def _elsewhere(self, name: str) -> str | None:
        if not name.startswith(_BLOBS):
            return None
        return next((each for each in (name.removeprefix(_BLOBS), name) if self.shared.has(each)), None)
