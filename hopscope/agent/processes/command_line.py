"""A command line as others may read it: what looks like a secret is replaced. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

LONGEST = 512
"""Characters."""
HIDDEN = "***"
_SECRET = r"(?:pass(?:word|wd|phrase)?|pwd|secret|token|api[-_]?key|access[-_]?key|private[-_]?key|credentials?|auth)"
_NAME = re.compile(rf"(?i)(?:^|[-_.]){_SECRET}(?:$|[-_.\d])|(?:password|passwd|secret|token|apikey)$")
_ASSIGNED = re.compile(r"^(-{0,2}[\w.-]+)([=:])(.+)$", re.DOTALL)
_IN_URL = re.compile(r"(\b[a-z][a-z0-9+.-]*://[^/\s:@]*:)[^/\s@]+@", re.IGNORECASE)
_IN_QUERY = re.compile(rf"(?i)([?&;][\w.-]*{_SECRET}[\w.-]*=)[^&;\s]+")
_HEADER = re.compile(r"(?i)\b((?:proxy-)?authorization|cookie|x-[\w-]*(?:token|key)):.*", re.DOTALL)
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]+")


def shown(arguments: Sequence[str], limit: int = LONGEST) -> str:
    """The arguments with spaces between them, cut.

    Values of flags and variables whose names speak of passwords, tokens, keys or credentials are hidden, as are
    passwords in URLs and authorization headers.
    """
    words, hide = [], False
    for argument in arguments:
        text = argument.encode(errors="surrogateescape").decode(errors="replace")
        if hide and not text.startswith("-"):
            words.append(HIDDEN)
            hide = False
            continue
        hide = False
        assigned = _ASSIGNED.match(text)
        if assigned and _NAME.search(assigned[1]):
            text = assigned[1] + assigned[2] + HIDDEN
        elif text.startswith("-") and not assigned:
            hide = bool(_NAME.search(text))
        else:
            text = _IN_URL.sub(rf"\1{HIDDEN}@", text)
            text = _IN_QUERY.sub(rf"\1{HIDDEN}", text)
            text = _BEARER.sub(rf"\1 {HIDDEN}", _HEADER.sub(rf"\1: {HIDDEN}", text))
        words.append(text)
    line = " ".join(" ".join(words).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
