"""What this kernel allows, asked without an agent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hopscope.client.failure import HopscopeError

if TYPE_CHECKING:
    from hopscope.agent.check import Found


def check() -> Found:
    """For each metric the probe chosen, what its value means and what a hit costs; for each refused rung why.

    Works without root and then says what could not be tried. Raises HopscopeError when libbpf or the kernel's type
    information is missing.
    """
    try:
        from hopscope.agent import check as trials
        from hopscope.libbpf import LibbpfError
    except ModuleNotFoundError as error:
        raise HopscopeError(f"{error.name} is not installed; pip install 'hopscope[agent]'") from error
    try:
        return trials.check()
    except LibbpfError as error:
        raise HopscopeError(str(error)) from error
