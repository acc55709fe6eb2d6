"""dpkg's database: dpkg(1), "Files"; deb-status(5); distroless images have one file a package in status.d."""

from __future__ import annotations

from imagespec.analyzers.packagedb.package import Listed, Names, Package, Read, lines_with
from imagespec.entry import Entry
from imagespec.rootfs import RootFs

STATUS = "var/lib/dpkg/status"
INFO = "var/lib/dpkg/info"


def find_lists(rootfs: RootFs) -> list[Entry]:
    """Return the files that list a package's files each."""
    lists = [entry for entry in rootfs.list(INFO) if entry.path.endswith(".list")]
    return lists + [entry for entry in rootfs.list(f"{STATUS}.d") if entry.path.endswith(".md5sums")]


def list_files(lists: list[Entry], names: Names, read: Read) -> Listed:
    """Yield the files that packages list."""
    for entry in lists:
        base, _, ending = entry.path.rpartition("/")[2].rpartition(".")
        package = Package(base.partition(":")[0], None, entry)
        for line in lines_with(read(entry) or b"", names):
            path = (
                line.partition(b"  ")[2] if ending == "md5sums" else line
            )  # md5sums: digest, two blanks, path
            if path[path.rfind(b"/") + 1 :] in names:
                yield path, package


def find_version(raw: bytes, package: str) -> str | None:
    """Return the version of an installed package from a status file; those in status.d have no Status."""
    wanted = package.encode("utf-8", "surrogateescape")
    if wanted not in raw:
        return None
    for paragraph in raw.split(b"\n\n"):
        if wanted not in paragraph:
            continue
        fields = dict(
            line.partition(b":")[::2] for line in paragraph.splitlines() if line[:1] not in {b" ", b"\t"}
        )
        if fields.get(b"Package", b"").strip() != wanted:
            continue
        if fields.get(b"Status", b"install ok installed").split()[-1:] == [b"installed"]:
            return fields.get(b"Version", b"").strip().decode("ascii", "replace")
    return None
