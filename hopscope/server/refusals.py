"""Why something was refused, without the way there: its frames hold what was refused."""

from __future__ import annotations

from typing import TypeVar

Error = TypeVar("Error", bound=BaseException)


def bare(error: Error) -> Error:
    """The same error without its traceback and its causes.

    Kept by who waits for it, which its frames know, it would be part of a cycle: 8 MB of junk stayed in memory until
    the collector came by.
    """
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)
