"""The library's two verbs: `open` an archive, and `check` what is in it."""

from __future__ import annotations

import contextlib
import os

from imagespec import tar
from imagespec._version import __version__
from imagespec.analyzers.malware.scanners import Scanners, open_scanners
from imagespec.documents.model_config import parse_model_config
from imagespec.engine import check_archive
from imagespec.limits import Limits
from imagespec.opening import Source, Toc, open  # noqa: A004 - `imagespec.open` is the name that users expect
from imagespec.profiles import DEFAULT, Profile, load_profile
from imagespec.results import InputReport, Report
from imagespec.rules.base import Service
from imagespec.scan import Progress
from imagespec.sources import Archive

__all__ = ["Scanners", "Source", "Toc", "check", "open", "report_of"]


def check(  # noqa: PLR0913 - each parameter is an option
    source: Source | Archive,
    *,
    profile: str | Profile = DEFAULT,
    service: str | Service = Service.REAL_TIME,
    model_config: bytes | None = None,
    image: str | None = None,
    platform: str | None = None,
    blobs: str | os.PathLike[str] | None = None,
    scanners: Scanners | None = None,
    verify: bool = False,
    toc: Toc = "ignored",
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> Report:
    """
    Judge the images of an archive against a profile: all, unless ``image`` or ``platform`` choose among them.

    ``profile`` is a built-in profile's id, the path of a TOML file, or a `Profile`; ``service`` is ``real-time`` or
    ``batch``; ``model_config`` is the content of the ModelArts config.json that goes with the image, if it is not in
    the image itself. ``scanners`` says which engines look into every file for the rule ``malicious-code``. The other
    parameters are as in `open`, and without effect on an archive that is open already.

    Raises `imagespec.errors.ImageSpecError` when the archive cannot be opened or an argument is wrong; what cannot be
    read later becomes a problem in the report.
    """
    limits = limits or Limits()
    service = Service(service)
    profile = load_profile(profile) if isinstance(profile, str) else profile
    given = None
    if model_config is not None:
        batch = service is Service.BATCH
        given = parse_model_config(model_config, "config.json", limits, batch=batch)
    engines = open_scanners(scanners)
    opened = (
        contextlib.nullcontext(source)
        if isinstance(source, Archive)
        else open(
            source,
            image=image,
            platform=platform,
            blobs=blobs,
            verify=verify,
            toc=toc,
            limits=limits,
            progress=progress,
        )
    )
    with opened as archive:
        inputs = (check_archive(archive, profile, service, model_config=given, scanners=engines),)
        return report_of(profile, service, inputs, verified=archive.verify)


def report_of(
    profile: Profile, service: Service, inputs: tuple[InputReport, ...], *, verified: bool
) -> Report:
    """Return the report of a run over several inputs."""
    return Report(
        tool_version=__version__,
        backend=tar.backend,
        profile=profile.id,
        profile_title=profile.title,
        document=profile.document,
        edition=profile.edition,
        service=service.value,
        verified=verified,
        inputs=inputs,
    )
