"""Thin ctypes binding of libbpf: objects, maps, programs, links, ring buffers. Nothing here knows what they mean."""

from hopscope.libbpf.kernel import btf_enum, btf_func_args
from hopscope.libbpf.layouts import Layouts
from hopscope.libbpf.library import WITHOUT_ROOT, LibbpfError, uninterrupted
from hopscope.libbpf.objects import Link, Map, Object, Program, Variables, trial
from hopscope.libbpf.ring import RingBuffer
from hopscope.libbpf.statistics import missed, run_time, statistics

__all__ = [
    "WITHOUT_ROOT",
    "Layouts",
    "LibbpfError",
    "Link",
    "Map",
    "Object",
    "Program",
    "RingBuffer",
    "Variables",
    "btf_enum",
    "btf_func_args",
    "missed",
    "run_time",
    "statistics",
    "trial",
    "uninterrupted",
]
