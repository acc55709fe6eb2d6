"""What ``logging.config.dictConfig`` certainly refuses in a dictionary (library reference, logging.config)."""

from __future__ import annotations

from imagespec.analyzers.python.logconfig import rows_of
from imagespec.analyzers.python.values import Const, Items, Value, text_of


def refused(table: Value | None) -> str | None:
    """Return why a dictionary certainly is refused; None where it is not known to be."""
    rows = rows_of(table)
    if rows is None or rows.get("incremental") not in {None, Const(value=False)}:
        return None
    if rows.get("version", Const(1)) != Const(1) and isinstance(rows["version"], Const):
        return "its version is not 1"
    if "version" not in rows:
        return "it has no version"
    formatters, handlers = _part(rows, "formatters"), _part(rows, "handlers")
    loggers = _part(rows, "loggers")
    if handlers is None or loggers is None:
        return None
    for name, value in handlers.items():
        wanted = text_of((rows_of(value) or {}).get("formatter"))
        if wanted is not None and formatters is not None and wanted not in formatters:
            return f"the handler {name[:100]} has the formatter {wanted[:100]}, which it does not define"
    users = [*loggers.items(), *([("root", rows["root"])] if "root" in rows else [])]
    for name, value in users:
        listed = (rows_of(value) or {}).get("handlers")
        for item in listed.items if isinstance(listed, Items) else ():
            wanted = text_of(item)
            if wanted is not None and wanted not in handlers:
                return f"the logger {name[:100]} has the handler {wanted[:100]}, which it does not define"
    return None


def _part(rows: dict[str, Value], name: str) -> dict[str, Value] | None:
    """Return a part of the dictionary, empty where there is none; None where it is not known."""
    return rows_of(rows[name]) if name in rows else {}
