"""The half that keeps what agents report and answers questions about it."""


class ServerError(Exception):
    """Why the server cannot start or answer, in one line that says what to do."""
