"""A small real mesh on this machine: pods that are network namespaces, real Envoys, mTLS, traffic, and faults.

Law: everything that the kernel keeps for the demo lives in namespaces that no name holds, so it ends with the demo's
processes; and these end with the supervisor, also by kill -9. What would survive are cgroups and files; `clean`
knows both.
"""

from __future__ import annotations


class DemoError(Exception):
    """Why the demo cannot go on, and what to do, in one line."""
