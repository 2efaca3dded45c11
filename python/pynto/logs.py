"""How a server's log looks: one event a line, of printable ASCII, at most 1 KiB of it, as text or as JSON.

Whatever a peer has chosen is escaped, whoever logs it: nothing that it says can begin a line, end one, or move a terminal's cursor.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any

from pynto.errors import escaped

__all__ = ["LINE_MAX", "JsonFormatter", "TextFormatter", "set_up"]

LINE_MAX = 1024  # bytes of a line, its newline not counted


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # what is logged is the program's, and may be anything
        return "<no text>"


def _moment(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _plain(text: str) -> str:
    """What is escaped already stays as it is."""
    return text if text.isascii() and text.isprintable() else escaped(text)


class TextFormatter(logging.Formatter):
    """``2026-01-31T12:00:00.000Z INFO what has happened``."""

    def format(self, record: logging.LogRecord) -> str:
        return f"{_moment(record)} {record.levelname} {_plain(_message(record))}"[:LINE_MAX]


class JsonFormatter(logging.Formatter):
    """An object a line: time, level, logger, text, and of a connection its number and its peer."""

    def format(self, record: logging.LogRecord) -> str:
        told: Any = getattr(record, "pynto", {})
        entry: dict[str, Any] = {
            "time": _moment(record),
            "level": record.levelname.lower(),
            "logger": _plain(record.name)[:64],
            **{key: _plain(value)[:160] if isinstance(value, str) else value for key, value in told.items()},
        }
        text = _plain(_message(record))
        line = json.dumps({**entry, "text": text})
        while len(line) > LINE_MAX:
            text = text[: max(0, len(text) - (len(line) - LINE_MAX))]
            line = json.dumps({**entry, "text": text})
        return line


def set_up(form: str, level: int) -> None:
    """Lines of this form, "text" or "json", on stderr."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    logging.basicConfig(level=level, handlers=[handler])
