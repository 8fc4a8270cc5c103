"""Objects and what is in them: maps, programs, and the links that hold programs to their hooks."""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from hopscope.libbpf.layouts import Layouts
from hopscope.libbpf.library import LibbpfError, failed, library, take_log, uninterrupted


class Map:
    """One map of an object."""

    def __init__(self, pointer: int) -> None:
        self._map = ctypes.c_void_p(pointer)
        lib = library()
        self.name = ctypes.string_at(lib.bpf_map__name(self._map)).decode()

    @property
    def fd(self) -> int:
        """Descriptor, once the object is loaded."""
        return int(library().bpf_map__fd(self._map))

    @property
    def max_entries(self) -> int:
        """Number of elements."""
        return int(library().bpf_map__max_entries(self._map))

    @property
    def key_size(self) -> int:
        """Bytes of a key."""
        return int(library().bpf_map__key_size(self._map))

    @property
    def value_size(self) -> int:
        """Bytes of a value."""
        return int(library().bpf_map__value_size(self._map))

    def set_max_entries(self, count: int) -> None:
        """Sets the size before loading."""
        if error := library().bpf_map__set_max_entries(self._map, ctypes.c_uint32(count)):
            raise failed(f"size of map {self.name}", error)

    def set_autocreate(self, create: bool) -> None:
        """Whether loading makes this map."""
        library().bpf_map__set_autocreate(self._map, ctypes.c_bool(create))

    def mmap(self) -> mmap.mmap:
        """The values of an mmap'able array, shared with the kernel."""
        size = (self.value_size + 7) // 8 * 8 * self.max_entries
        return mmap.mmap(self.fd, (size + mmap.PAGESIZE - 1) // mmap.PAGESIZE * mmap.PAGESIZE)

    def lookup(self, key: bytes) -> bytes | None:
        """The value of a key, None when there is none."""
        value = ctypes.create_string_buffer(self.value_size)
        return None if library().bpf_map_lookup_elem(self.fd, key, value) else value.raw

    def update(self, key: bytes, value: bytes, flags: int = 0) -> None:
        """Sets a value."""
        if error := library().bpf_map_update_elem(self.fd, key, value, ctypes.c_uint64(flags)):
            raise failed(f"update of map {self.name}", error)

    def push(self, value: bytes) -> None:
        """Appends to a queue."""
        if error := library().bpf_map_update_elem(self.fd, None, value, ctypes.c_uint64(0)):
            raise failed(f"push to map {self.name}", error)

    def pop(self) -> bytes | None:
        """Takes the oldest value out of a queue; None when it is empty."""
        value = ctypes.create_string_buffer(self.value_size)
        return None if library().bpf_map_lookup_and_delete_elem(self.fd, None, value) else value.raw

    def take(self, key: bytes) -> bytes | None:
        """Removes a key of a hash and returns its value, so that nothing is added in between; None if it is gone.

        Kernels before 5.14 (commit 3e87f192b405) have no such step: what is added between its two is lost there.
        """
        value = ctypes.create_string_buffer(self.value_size)
        if not library().bpf_map_lookup_and_delete_elem(self.fd, key, value):
            return value.raw
        if ctypes.get_errno() == errno.ENOENT:
            return None
        found = self.lookup(key)
        self.delete(key)
        return found

    def delete(self, key: bytes) -> None:
        """Removes a key; one that is gone already is fine."""
        library().bpf_map_delete_elem(self.fd, key)

    def clear(self) -> None:
        """Removes all keys."""
        for key, _ in self.items():
            self.delete(key)

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """All keys with their values."""
        keys, key, following = [], None, ctypes.create_string_buffer(self.key_size)
        while library().bpf_map_get_next_key(self.fd, key, following) == 0:
            keys.append(following.raw)
            key = following.raw
        for found in keys:
            value = self.lookup(found)
            if value is not None:
                yield found, value


class Link:
    """A program on its hook, until closed."""

    def __init__(self, pointer: int) -> None:
        self._link: ctypes.c_void_p | None = ctypes.c_void_p(pointer)

    @property
    def fd(self) -> int:
        """The link's descriptor."""
        return int(library().bpf_link__fd(self._link))

    def read(self) -> bytes:
        """Runs an iterator once and returns what it wrote."""
        fd = library().bpf_iter_create(self.fd)
        if fd < 0:
            raise failed("iterator", fd)
        output = []
        try:
            while chunk := os.read(fd, 65536):
                output.append(chunk)
        finally:
            os.close(fd)
        return b"".join(output)

    def close(self) -> None:
        """Detaches; twice is harmless."""
        if self._link is not None:
            library().bpf_link__destroy(self._link)
            self._link = None


class _MapInfo(ctypes.Structure):
    _fields_ = (("map_fd", ctypes.c_uint32), ("padding", ctypes.c_uint32 * 3))


class _IterOptions(ctypes.Structure):
    _fields_ = (
        ("sz", ctypes.c_size_t),
        ("link_info", ctypes.POINTER(_MapInfo)),
        ("link_info_len", ctypes.c_uint32),
    )


class _RunOptions(ctypes.Structure):
    _fields_ = (
        ("sz", ctypes.c_size_t),
        ("data_in", ctypes.c_void_p),
        ("data_out", ctypes.c_void_p),
        ("data_size_in", ctypes.c_uint32),
        ("data_size_out", ctypes.c_uint32),
        ("ctx_in", ctypes.c_void_p),
        ("ctx_out", ctypes.c_void_p),
        ("ctx_size_in", ctypes.c_uint32),
        ("ctx_size_out", ctypes.c_uint32),
        ("retval", ctypes.c_uint32),
        ("repeat", ctypes.c_int),
        ("duration", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("cpu", ctypes.c_uint32),
        ("batch_size", ctypes.c_uint32),
    )


class Program:
    """One program of an object."""

    def __init__(self, pointer: int) -> None:
        self._program = ctypes.c_void_p(pointer)
        lib = library()
        self.name = ctypes.string_at(lib.bpf_program__name(self._program)).decode()
        self.section = ctypes.string_at(lib.bpf_program__section_name(self._program)).decode()

    @property
    def fd(self) -> int:
        """Descriptor, once loaded."""
        return int(library().bpf_program__fd(self._program))

    def set_autoload(self, load: bool) -> None:
        """Whether loading the object loads this program."""
        library().bpf_program__set_autoload(self._program, ctypes.c_bool(load))

    def attach(self) -> Link:
        """Puts the program on the hook that its section names."""
        with uninterrupted():
            pointer = library().bpf_program__attach(self._program)
        if not pointer:
            raise failed(f"attach of {self.name} ({self.section})", ctypes.get_errno())
        return Link(pointer)

    def run(self, *arguments: int) -> int:
        """Runs a loaded raw tracepoint program once, here and now; its return value (BPF_PROG_TEST_RUN, Linux 5.10)."""
        words = (ctypes.c_uint64 * max(len(arguments), 1))(*arguments)
        options = _RunOptions(ctypes.sizeof(_RunOptions), ctx_in=ctypes.addressof(words))
        options.ctx_size_in = ctypes.sizeof(words)
        if error := library().bpf_prog_test_run_opts(self.fd, ctypes.byref(options)):
            raise failed(f"run of {self.name}", error)
        return int(options.retval)

    def attach_iter(self, over: Map | None = None) -> Link:
        """Makes an iterator, over a map's elements where one is given."""
        info = _MapInfo(over.fd if over else 0)
        options = _IterOptions(ctypes.sizeof(_IterOptions), ctypes.pointer(info), ctypes.sizeof(info))
        pointer = library().bpf_program__attach_iter(self._program, ctypes.byref(options) if over else None)
        if not pointer:
            raise failed(f"attach of {self.name} ({self.section})", ctypes.get_errno())
        return Link(pointer)


class Object:
    """A BPF object file: opened, adjusted, loaded, closed."""

    def __init__(self, pointer: int, path: Path) -> None:
        self._object: ctypes.c_void_p | None = ctypes.c_void_p(pointer)
        self.path = path
        size = ctypes.c_uint32()
        lib = library()
        raw = lib.btf__raw_data(ctypes.c_void_p(lib.bpf_object__btf(self._object)), ctypes.byref(size))
        self.layouts = Layouts(ctypes.string_at(raw, size.value))
        self.maps = {m.name: m for m in map(Map, self._walk(lib.bpf_object__next_map))}
        self.programs = {p.name: p for p in map(Program, self._walk(lib.bpf_object__next_program))}
        self.bss: Mapping[str, int] = {}

    @classmethod
    def open(cls, path: Path) -> Object:
        """Reads the file. Raises LibbpfError when it is missing or no BPF object."""
        if not path.exists():
            raise LibbpfError(f"{path.name} is missing: run `make bpf`, or install a wheel that carries it")
        pointer = library().bpf_object__open_file(str(path).encode(), None)
        if not pointer:
            raise failed(f"opening {path}", ctypes.get_errno())
        return cls(pointer, path)

    def _walk(self, following: object) -> Iterator[int]:
        pointer = None
        while pointer := following(self._object, ctypes.c_void_p(pointer)):  # type: ignore[operator]
            yield pointer

    def _section(self, suffix: str) -> Map:
        return next(m for name, m in self.maps.items() if name.endswith(suffix))

    def set_rodata(self, name: str, value: int) -> None:
        """Sets a `const volatile` variable, or one with a value of its own, before loading."""
        section = next(s for s in (".rodata", ".data") if name in self.layouts.section(s))
        offset, size = self.layouts.section(section)[name]
        length = ctypes.c_size_t()
        address = library().bpf_map__initial_value(self._section(section)._map, ctypes.byref(length))
        ctypes.memmove(address + offset, value.to_bytes(size, "little"), size)

    def load(self) -> None:
        """Loads maps and programs. Raises LibbpfError with the verifier's last words."""
        take_log()
        with uninterrupted():
            error = library().bpf_object__load(self._object)
        if error:
            raise failed(f"loading {self.path.name}", error)
        if any(name.endswith(".bss") for name in self.maps):
            self.bss = Variables(self._section(".bss").mmap(), self.layouts.section(".bss"))

    def close(self) -> None:
        """Unloads; twice is harmless."""
        self.bss = {}
        if self._object is not None:
            library().bpf_object__close(self._object)
            self._object = None


class Variables(Mapping[str, int]):
    """Global variables of a loaded object, read where the programs write them. Arrays read as their sum."""

    def __init__(self, memory: mmap.mmap, section: Mapping[str, tuple[int, int]]) -> None:
        self._memory, self._section = memory, section

    def __getitem__(self, name: str) -> int:
        offset, size = self._section[name]
        step = min(size, 8)
        return sum(int.from_bytes(self._memory[at : at + step], "little") for at in range(offset, offset + size, step))

    def set(self, name: str, value: int) -> None:
        """Writes a variable."""
        offset, size = self._section[name]
        self._memory[offset : offset + size] = value.to_bytes(size, "little")

    def __iter__(self) -> Iterator[str]:
        return iter(self._section)

    def __len__(self) -> int:
        return len(self._section)


def trial(path: Path, programs: Collection[str], rodata: Mapping[str, int]) -> LibbpfError | None:
    """Loads and attaches some programs, no others; None when the kernel took them all. Nothing is left behind."""
    obj = Object.open(path)
    try:
        for name, p in obj.programs.items():
            p.set_autoload(name in programs)
        for name, value in rodata.items():
            obj.set_rodata(name, value)
        obj.load()
        for chosen in map(obj.programs.__getitem__, programs):
            if chosen.section == "raw_tp":
                chosen.run(0, 0)
            else:
                chosen.attach().close()
    except LibbpfError as error:
        return error
    finally:
        obj.close()
    return None
