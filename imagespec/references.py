"""References: the names that people and archives give to images, and when two of them mean the same."""

from __future__ import annotations

import attrs

# distribution/reference v0.6 normalize.go: what a name without a domain or a tag stands for.
_DOMAIN = "docker.io"
_OLD_DOMAIN = "index.docker.io"
_OFFICIAL = "library/"
_TAG = "latest"


@attrs.frozen
class Reference:
    """A reference in full: ``app`` is ``docker.io/library/app:latest``."""

    domain: str
    path: str
    tag: str
    """Empty where there is a digest and no tag."""
    digest: str

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Return what ``text`` means; any text means something, so that odd names can be compared, too."""
        name, _, digest = text.partition("@")
        head, slash, last = name.rpartition("/")
        last, _, tag = last.partition(":")
        domain, path = _split_domain(head + slash + last)
        return cls(domain, path, tag or ("" if digest else _TAG), digest)


def _split_domain(name: str) -> tuple[str, str]:
    first, slash, rest = name.partition("/")
    if not slash or not ("." in first or ":" in first or first == "localhost" or first != first.lower()):
        first, rest = _DOMAIN, name
    if first == _OLD_DOMAIN:
        first = _DOMAIN
    if first == _DOMAIN and "/" not in rest:
        rest = _OFFICIAL + rest
    return first, rest


def names_image(wanted: str, reference: str) -> bool:
    """
    Tell whether somebody who writes ``wanted`` means the image that an archive calls ``reference``.

    An archive may give the tag alone (``org.opencontainers.image.ref.name``), and podman puts ``localhost/`` before
    names without a domain.
    """
    if wanted == reference:
        return True
    full, other = Reference.parse(wanted), Reference.parse(reference)
    if other.domain == "localhost" and full.domain == _DOMAIN:
        full = Reference.parse(f"localhost/{full.path.removeprefix(_OFFICIAL)}:{full.tag}")
    return full == other


def may_be_same(one: str, other: str) -> bool:
    """Tell whether two writers can have meant one name: either may have written the tag alone."""
    if names_image(one, other) or names_image(other, one):
        return True
    bare = [text for text in (one, other) if not set(text) & set("/:@")]
    tags = {Reference.parse(text).tag for text in (one, other) if text not in bare}
    return len(bare) == 1 and tags == set(bare)


def normal_platform(text: str) -> tuple[str, str, str]:
    """
    Return os, architecture and variant of ``os/architecture[/variant]``; the variant is empty where none is meant.

    Raises ValueError where the text is of another form. Names of architectures as the kernel writes them are known
    (containerd/platforms `normalizeArch`), and so are the variants that go without saying: arm64 is v8, arm is v7.
    """
    parts = text.lower().split("/")
    if not 2 <= len(parts) <= 3 or not all(parts):
        raise ValueError(f"{text!r} is no platform; write os/architecture[/variant], linux/amd64 say")
    system, machine, variant = (*parts, "")[:3]
    machine, implied = _MACHINES.get(machine, (machine, ""))
    variant = variant or implied
    if (machine, variant) == ("arm64", "8"):
        variant = "v8"
    return system, machine, variant


_MACHINES = {
    "x86_64": ("amd64", ""),
    "x86-64": ("amd64", ""),
    "i386": ("386", ""),
    "i686": ("386", ""),
    "aarch64": ("arm64", ""),
    "armhf": ("arm", "v7"),
    "armel": ("arm", "v6"),
}
_VARIANTS = {"arm64": "v8", "arm": "v7"}


def platform_fits(wanted: str, platform: str) -> bool:
    """
    Tell whether ``platform`` is what ``wanted`` asks for; a variant that is not asked for may be any.

    Raises ValueError where ``wanted`` is no platform.
    """
    system, machine, variant = normal_platform(wanted)
    try:
        other_system, other_machine, other_variant = normal_platform(platform)
    except ValueError:
        return False
    if (system, machine) != (other_system, other_machine):
        return False
    return not variant or variant == (other_variant or _VARIANTS.get(machine, ""))
