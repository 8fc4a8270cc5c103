"""What a caller of the Python API may catch."""

from __future__ import annotations


class HopscopeError(Exception):
    """What went wrong and what to do, in one line."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code
