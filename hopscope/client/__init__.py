"""The Python API: `profile()` takes one picture of this host; `load`, `save` and `diff` keep and compare pictures.
`remote.Client` asks a server; it is not here because its libraries take a while to import."""

from hopscope.client.agent_socket import status
from hopscope.client.checking import check
from hopscope.client.failure import HopscopeError
from hopscope.client.files import diff, load, save
from hopscope.client.profiling import profile
from hopscope.client.result import Profile
from hopscope.client.watching import Window, watching
from hopscope.edges.selection import Selection

__all__ = [
    "HopscopeError",
    "Profile",
    "Selection",
    "Window",
    "check",
    "diff",
    "load",
    "profile",
    "save",
    "status",
    "watching",
]
