"""What this host is: its operating system, kernel and processors."""

from __future__ import annotations

import os
import platform


def attributes() -> dict[str, str]:
    """By name; what nobody says is left out."""
    system = os.uname()
    try:
        named = platform.freedesktop_os_release()
    except OSError:
        named = {}
    found = {
        "os": named.get("PRETTY_NAME", ""),
        "kernel": f"{system.sysname} {system.release}",
        "architecture": system.machine,
        "processors": str(os.cpu_count() or ""),
        "memory_bytes": str(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")),
    }
    return {name: text for name, text in found.items() if text}
