"""The half that keeps what agents report and answers questions about it."""

from importlib.metadata import version

# Read with the program: later we may be a user who is not allowed to read the place it is installed in.
VERSION = version("hopscope")


class ServerError(Exception):
    """Why the server cannot start or answer, in one line that says what to do."""
