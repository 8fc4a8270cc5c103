"""The Python API: `profile()` takes one picture of this host."""

from hopscope.client.profiling import HopscopeError, load, profile, save

__all__ = ["HopscopeError", "load", "profile", "save"]
