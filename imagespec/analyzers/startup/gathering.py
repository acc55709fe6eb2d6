"""
Entrypoints that read the parts of a folder ``entrypoint.d`` and then become the command that they are given.

NVIDIA's CUDA images and those of its frameworks, and AMD's, start with such a script (``/opt/nvidia/nvidia_entrypoint.sh``).
It uses bash's extended patterns, which the grammar does not know, so that it is recognised by the shape of each of its
lines. Its parts print banners and check the driver; a folder with any other part is not taken for such.
"""

from __future__ import annotations

import re

from imagespec.entry import Entry
from imagespec.rootfs import RootFs

_LINE = re.compile(
    r"""\#.*
    |shopt\ -[su]\ nullglob\ extglob
    |(?P<folder>\w+="\$\(dirname\ "?\$\(readlink\ -f\ "?\$\{BASH_SOURCE\[0\]\}"?\)"?\)")
    |(?P<parts>declare\ -a\ \w+=\(\ "\$\{\w+\}/entrypoint\.d"/\*@\(\.txt\|\.sh\)\ \))
    |for\ \w+\ in\ "\$\{\w+\[@\]\}";\ do
    |case\ "\$\{\w+\}"\ in
    |\*\.txt\)\ (cat\ "\$\{\w+\}"|print_banner_text\ "="\ "\$\(cat\ "?\$\{\w+\}"?\)")\s?;;
    |(?P<sources>\*\.sh\)\s+source\ "\$\{\w+\}"\s?;;)
    |esac|done|echo|fi|else|\}
    |print_(repeats|banner_text)\(\)\ \{
    |local\ (-r\ )?[\w=" $]+(=("[\w$ ]*"|\$1))?(\ \w+="\$\d")?
    |local\ \w+=\$1|local\ -r\ text="\$2"|local\ pad="\$\{banner_char\}\$\{banner_char\}"|local\ i
    |for\ \(\(i=1;\ i<=\$count;\ i\+\+\)\);\ do\ echo\ -n\ "\$char";\ done
    |print_repeats\ "\$\{banner_char\}"\ \$\(\(\$\{\#text\}\ \+\ 6\)\)
    |echo\ "\$\{pad\}\ \$\{text\}\ \$\{pad\}"
    |(?P<asks>if\ \[\[\ \$\#\ -eq\ 0\ \]\];\ then)
    |exec\ "/bin/bash"
    |(?P<becomes>exec\ "\$@")""",
    re.VERBOSE,
)
_NEEDED = {"folder", "parts", "sources", "asks", "becomes"}
_PART = re.compile(
    r"[0-9]{2}-(banner|container-\w+|gpu-[a-z-]+[0-9]*|shm-check|mofed-check|internal-image|deprecated-image)\.(sh|txt)\Z"
)
_LIMIT_BYTES = 8 << 10


def becomes_its_arguments(entry: Entry, text: bytes | None, rootfs: RootFs) -> bool:
    """Tell whether a script is such an entrypoint, with parts that are all known."""
    if text is None or len(text) > _LIMIT_BYTES:
        return False
    seen: set[str] = set()
    for line in text.decode("utf-8", "replace").splitlines():
        if line.strip():
            found = _LINE.fullmatch(line.strip())
            if found is None:
                return False
            seen.update(name for name, value in found.groupdict().items() if value)
    folder = entry.path.rpartition("/")[0] + "/entrypoint.d"
    names = [part.path.rpartition("/")[2] for part in rootfs.list(folder)]
    return seen == _NEEDED and rootfs.complete and all(_PART.match(name) for name in names)
