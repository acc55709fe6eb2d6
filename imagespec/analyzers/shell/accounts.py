"""Users by /etc/passwd (passwd(5))."""

from __future__ import annotations

import attrs

from imagespec.rootfs import RootFs

ROOT = frozenset({"0", "root"})


@attrs.frozen
class Account:
    """One row of /etc/passwd."""

    name: str
    number: str
    home: str
    shell: str


def find_account(name: str, rootfs: RootFs, *, by_number: bool = False) -> Account | None:
    """Return the account of a name, or also of a number; None where there is none, or none that can be read."""
    entry = rootfs.resolve("/etc/passwd")
    text = (rootfs.content(entry) or b"") if entry is not None else b""
    for line in text.decode("utf-8", "replace").splitlines():
        row = line.split(":")
        named = row[0] == name or (by_number and row[2:3] == [name])
        if named and len(row) == 7 and row[2].isdecimal():
            return Account(name=row[0], number=row[2], home=row[5] or "/", shell=row[6] or "/bin/sh")
    return None


def user_number(user: str | None, rootfs: RootFs) -> str | None:
    """Return the number of a user, given by name or number; None where it is not known."""
    if user in ROOT:
        return "0"
    if user is None or user.isdecimal():
        return user
    account = find_account(user, rootfs)
    return account.number if account is not None else None


def has_group(name: str, rootfs: RootFs) -> bool | None:
    """Tell whether /etc/group has a group; None where it was not kept."""
    entry = rootfs.resolve("/etc/group")
    text = rootfs.content(entry) if entry is not None else b""
    return (
        None if text is None else any(line.partition(b":")[0] == name.encode() for line in text.splitlines())
    )
