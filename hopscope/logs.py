"""What both halves say of themselves: a line for people or a JSON object for programs, on stderr.

In JSON a line is {"time", "level", "half", "event", ...}: `event` is the sentence, `logger` the module that says it;
other fields are what was given as `extra={"fields": {...}}`, and `traceback`, if there is one. Secrets are taken out.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import threading
from datetime import UTC, datetime
from typing import Any, Literal

Form = Literal["text", "json"]

REDACTED = "<redacted>"
# systemd's <N> at the start of a line, sd-daemon(3): what journald files the line under.
_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6), (0, 7))
_SECRETS = (
    (re.compile(r"\bhop_[\w-]{8,}"), REDACTED),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}"), rf"\1 {REDACTED}"),
    (re.compile(r"(\w://[^\s:/@]*):[^\s/@]+@"), rf"\1:{REDACTED}@"),
    (re.compile(r"(?i)((?:password|secret|token)\s*[=:]\s*)[^\s,;&]{4,}"), rf"\1{REDACTED}"),
)
_SECRET_NAMES = re.compile(r"(?i)password|secret|token|authorization|api_?key")


def redacted(text: str) -> str:
    """The text without what looks like a secret: our tokens, credentials of a URL or a header, password=..."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


def start(form: Form, half: str) -> None:
    """Has every log line of this process written to stderr in this form."""
    handler = logging.StreamHandler(sys.stderr)
    journal = _is_journal()
    handler.setFormatter(_Json(half, journal) if form == "json" else _Text(half, journal))
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    logging.captureWarnings(True)
    threading.excepthook = _said


def _said(failure: threading.ExceptHookArgs) -> None:
    name = failure.thread.name if failure.thread else "a thread"
    logging.getLogger("hopscope").critical("%s failed", name, exc_info=failure.exc_value)


def last_words(what: str) -> bool:
    """Says why the process ends, if `start` set up a form for that; whether it did."""
    if not any(isinstance(handler.formatter, _Json) for handler in logging.getLogger().handlers):
        return False
    logging.getLogger("hopscope").critical("%s", what)
    return True


class _Text(logging.Formatter):
    def __init__(self, half: str, journal: bool) -> None:
        # The journal has its own time.
        super().__init__(f"{'' if journal else '%(asctime)s '}hopscope {half}: %(levelname)s: %(message)s")
        self._journal = journal

    def format(self, record: logging.LogRecord) -> str:
        """The line, and those of a traceback."""
        return _prefixed(redacted(super().format(record)), record.levelno, self._journal)


class _Json(logging.Formatter):
    def __init__(self, half: str, journal: bool) -> None:
        super().__init__()
        self._half, self._journal = half, journal

    def format(self, record: logging.LogRecord) -> str:
        """The object, on one line."""
        fields = getattr(record, "fields", {})
        said: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "half": self._half,
            "event": redacted(record.getMessage()),
            "logger": record.name,
            **{name: _shown(name, value) for name, value in fields.items()},
        }
        if record.exc_info:
            said["traceback"] = redacted(self.formatException(record.exc_info))
        return _prefixed(json.dumps(said, ensure_ascii=False), record.levelno, self._journal)


def _shown(name: str, value: Any) -> Any:
    if _SECRET_NAMES.search(name):
        return REDACTED
    return value if isinstance(value, bool | int | float | None) else redacted(str(value))


def _prefixed(text: str, level: int, journal: bool) -> str:
    if not journal:
        return text
    priority = next(number for least, number in _PRIORITIES if level >= least)
    return "\n".join(f"<{priority}>{line}" for line in text.splitlines())


def _is_journal() -> bool:
    """Whether stderr is the journal: systemd says which device and inode it has given us."""
    try:
        device, _, inode = os.environ.get("JOURNAL_STREAM", "").partition(":")
        status = os.fstat(sys.stderr.fileno())
        return (status.st_dev, status.st_ino) == (int(device), int(inode))
    except (ValueError, OSError):
        return False
