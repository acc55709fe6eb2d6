"""The files of an outer tar by name, links between them followed inside the archive only."""

from __future__ import annotations

from imagespec.errors import InputError
from imagespec.tar import LayerIndex, header

_LINK_HOPS = 8


def clean_name(name: bytes) -> str:
    """Return a member's name as layouts write it."""
    parts = [part for part in name.decode("utf-8", "surrogateescape").split("/") if part not in {"", "."}]
    return "/".join(parts)


class Members:
    """The files of a tar by cleaned name, links resolved: what `TarStore` and `PipeStore` share."""

    def __init__(self) -> None:
        self.rows: dict[str, int] = {}
        self.duplicates: set[str] = set()

    @classmethod
    def of(cls, index: LayerIndex) -> Members:
        """Return the files of a scanned tar."""
        members, links = cls(), {}
        for row, raw in enumerate(index.iter_names()):
            name, typeflag = clean_name(raw), index.typeflag(row)
            if index.is_regular(row):
                if name in members.rows:
                    members.duplicates.add(name)
                members.rows[name] = row
            elif typeflag in (header.SYMLINK, header.HARD_LINK):
                links[name] = (typeflag, index.links.get(row, b""))
        for name in links:
            members._resolve(name, links)
        return members

    def _resolve(self, name: str, links: dict[str, tuple[bytes, bytes]]) -> None:
        target = name
        for _ in range(_LINK_HOPS):
            if target not in links:
                break
            typeflag, link = links[target]
            directory = target.rpartition("/")[0] if typeflag == header.SYMLINK else ""
            target = _join(directory, clean_name(link))
        if target not in self.rows:
            target = other_target(target)
        if target in self.rows and name not in self.rows:
            self.rows[name] = self.rows[target]

    def check_unique(self, name: str) -> None:
        """Raise InputError where the archive holds a name twice."""
        if name in self.duplicates:
            raise InputError(
                f"the archive holds {name} twice, so that different tools load different images; export it again"
            )


def other_target(target: str) -> str:
    """Return where a link that leads nowhere may be meant to lead."""
    # Docker 1.12 wrote `../../<id>/layer.tar`, one level too far (moby 5487881e): its last two parts count.
    return "/".join(target.split("/")[-2:])


def _join(directory: str, path: str) -> str:
    parts: list[str] = directory.split("/") if directory else []
    for part in path.split("/"):
        if part == "..":
            del parts[-1:]
        else:
            parts.append(part)
    return "/".join(parts)
