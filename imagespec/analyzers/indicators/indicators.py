"""
Built-in indicators of malicious code: what an image's files, scripts and history give away without an engine.

They prove nothing. An indicator of high strength is something for which no innocent reading is known; a weak one is
worth a look; and where nothing is found, the image may still hold anything in its programs.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from imagespec.analyzers.indicators import access, files, packagefiles, secrets, suspicious_scripts
from imagespec.analyzers.indicators.found import Indicator, Indicators, Notebook, Strength
from imagespec.analyzers.malware.scanners import OpenScanners
from imagespec.analyzers.packagedb.owners import read_owned
from imagespec.analyzers.wanted import compile_wanted
from imagespec.entry import Entry, EntryKind
from imagespec.image import Image
from imagespec.rootfs import RootFs
from imagespec.scan import LayerScan
from imagespec.verdict import Evidence

__all__ = ["WANTED", "Indicator", "Indicators", "Strength", "find_indicators"]

WANTED = (
    *files.WANTED,
    *access.WANTED,
    *secrets.WANTED,
    *suspicious_scripts.WANTED,
)

_OUT_OF_SCOPE = (
    Evidence(message="what programs, libraries, archives, models and Python sources do when they run"),
    Evidence(message="large scripts inside the libraries of programming languages"),
)
_WITHOUT_ENGINES = (
    Evidence(
        message="files of earlier layers that later layers replace or delete, but for keys and credentials"
    ),
    Evidence(message="the content of packages' files; only programs that later layers replace are"),
)


@attrs.define
class _Survey:
    """The files of one image, sorted in one walk by what is to be asked about them."""

    setid: list[Entry] = attrs.field(factory=list)
    temporary: list[Entry] = attrs.field(factory=list)
    miners: list[Entry] = attrs.field(factory=list)
    additions: list[Entry] = attrs.field(factory=list)
    access: list[Entry] = attrs.field(factory=list)
    scripts: list[Entry] = attrs.field(factory=list)
    large_executables: list[Entry] = attrs.field(factory=list)
    capable: list[Entry] = attrs.field(factory=list)
    system: list[Entry] = attrs.field(factory=list)
    secrets: list[secrets.Secret] = attrs.field(factory=list)


def find_indicators(
    image: Image,
    rootfs: RootFs,
    scans: Sequence[LayerScan | None] = (),
    scanners: OpenScanners | None = None,
) -> Indicators:
    """
    Look for everything that the built-in indicators know, in one walk over the merged view.

    ``scans`` are those of the image's layers; with ``scanners`` their files are read and given to the engines.
    """
    notes = Notebook()
    engines = tuple(engine.title for engine in scanners.engines) if scanners else ()
    compared: frozenset[str] = frozenset()
    if scanners and engines:
        from imagespec.analyzers.malware.driver import scan_contents  # noqa: PLC0415 - few runs have engines

        compared = scan_contents(image.layers, scans, rootfs, scanners, image.request.limits, notes)
    for number, usage in enumerate(rootfs.usage):
        if usage is None:
            notes.miss(f"layer {number}, which could not be read, and what it changes in the others")
    survey = _survey(rootfs, notes)
    survey.secrets += secrets.find_secrets(scans, notes)
    survey.system = [entry for entry in survey.system if entry.path not in compared]
    _check_files(rootfs, survey, notes)
    suspicious_scripts.check_history(image, notes)
    return notes.close(_OUT_OF_SCOPE if engines else _OUT_OF_SCOPE + _WITHOUT_ENGINES, engines)


def _check_files(rootfs: RootFs, survey: _Survey, notes: Notebook) -> None:
    """Judge what the survey sorted, after the package databases were asked about all of it at once."""
    preload, libraries = files.preload_libraries(rootfs, notes)
    suspects = suspicious_scripts.look_at_scripts(rootfs, survey.scripts, notes)
    suspects += suspicious_scripts.look_at_heads(rootfs, survey.large_executables)
    asked = [*survey.setid, *survey.additions, *survey.capable, *survey.system]
    asked += [suspect.entry for suspect in suspects] + [secret.entry for secret in survey.secrets]
    asked += [entry for name in libraries if (entry := rootfs.resolve(name))]
    owned = read_owned(rootfs, asked)
    notes.count(f"package databases read ({', '.join(owned.databases) or 'none'})", len(owned.databases))
    if preload:
        files.check_preload(rootfs, preload, libraries, owned, notes)
    files.check_setid(rootfs, survey.setid, owned, notes)
    packagefiles.check_capabilities(rootfs, survey.capable, owned, notes)
    packagefiles.check_replaced(rootfs, survey.system, owned, notes)
    secrets.check_secrets(rootfs, survey.secrets, owned, notes)
    files.check_hidden(rootfs, survey.temporary, notes)
    files.check_miners(rootfs, survey.miners, notes)
    access.check_additions(survey.additions, owned, notes)
    access.check_access(rootfs, survey.access, notes)
    suspicious_scripts.check_scripts(suspects, owned, notes)


def _survey(rootfs: RootFs, notes: Notebook) -> _Survey:
    survey = _Survey()
    is_text = compile_wanted(suspicious_scripts.WANTED)
    installing = packagefiles.package_layers(rootfs)
    files = executables = 0
    for entry in rootfs.walk():
        if entry.kind is not EntryKind.FILE:
            continue
        files += 1
        path = entry.path
        if entry.is_setid:
            survey.setid.append(entry)
        if access.is_addition(path):
            survey.additions.append(entry)
        if access.is_access(path):
            survey.access.append(entry)
        if packagefiles.may_replace(entry, installing):
            survey.system.append(entry)
        text = suspicious_scripts.may_be_read(entry) and is_text(
            path.encode("utf-8", "surrogateescape"), entry.size_bytes, entry.mode
        )
        if text and entry.size_bytes:
            survey.scripts.append(entry)
        if entry.is_executable:
            executables += 1
            _sort_executable(rootfs, survey, entry, is_text=bool(text))
    notes.count("files walked", files)
    notes.count("executables judged by name and place", executables)
    notes.count("set-id files", len(survey.setid))
    notes.count("schedules and units", len(survey.additions))
    notes.count("files about accounts, keys and sudoers", len(survey.access))
    return survey


def _sort_executable(rootfs: RootFs, survey: _Survey, entry: Entry, *, is_text: bool) -> None:
    if packagefiles.CAPABILITY in rootfs.xattrs(entry):
        survey.capable.append(entry)
    if entry.path.startswith(files.TEMPORARY):
        survey.temporary.append(entry)
    if files.miner_name(entry.path):
        survey.miners.append(entry)
    if not is_text:
        survey.large_executables.append(entry)
