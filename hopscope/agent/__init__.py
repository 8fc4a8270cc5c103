"""The half that watches this host: what the kernel counted, and whose it is."""


class AgentError(Exception):
    """Why the agent cannot watch, in one line that says what to do."""
