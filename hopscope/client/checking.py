"""What the kernel of this host allows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hopscope.client.failure import HopscopeError

if TYPE_CHECKING:
    from hopscope.agent.check import Found


def check() -> Found:
    """For each metric the probe that measures it here, what its value means and what a hit costs.

    Works without root and then says what it could not try. Raises HopscopeError.
    """
    try:
        from hopscope.agent.check import check as look
        from hopscope.libbpf import LibbpfError
    except ImportError as error:
        raise HopscopeError(f"this needs the agent half: pip install 'hopscope[agent]' ({error})") from error
    try:
        return look()
    except LibbpfError as error:
        raise HopscopeError(str(error)) from error
