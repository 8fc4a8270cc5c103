"""What a guest starts with: an initramfs that mounts this machine's root read-only and runs a command in it."""

from __future__ import annotations

import gzip
import lzma
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.kernels.packages import Kernel, KernelsError

NEEDED = ("virtio_pci", "9pnet_virtio", "9p", "overlay")
"""Modules without which the guest cannot reach its root."""

_INIT = """#!/bin/sh
export PATH=/bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
for module in /modules/*; do insmod $module || echo "insmod $module failed"; done
share=trans=virtio,version=9p2000.L,msize=512000
mount -t 9p -o $share,cache=loose,ro root /host || echo "no root"
mount -t tmpfs tmpfs /changes
mkdir /changes/upper /changes/work
mount -t overlay -o lowerdir=/host,upperdir=/changes/upper,workdir=/changes/work root /root || echo "no overlay"
mkdir -p /root/run/results
mount -t 9p -o $share,cache=none results /root/run/results || echo "no results"
umount /proc
mount --move /dev /root/dev
exec switch_root /root /bin/sh /run/results/init
"""

_SECOND = """#!/bin/sh
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t securityfs securityfs /sys/kernel/security
mount -t tracefs tracefs /sys/kernel/tracing
mount -t bpf bpf /sys/fs/bpf
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mkdir -p /lib/modules
mount --bind {modules} /lib/modules
ip link set lo up
exec </dev/null >/dev/console 2>&1
cd {repository}
{command}
echo "@ end $?"
sync
echo o >/proc/sysrq-trigger
while :; do sleep 1; done
"""


def second_stage(kernel: Kernel, repository: Path, command: str) -> str:
    """The script that becomes the guest's first process once its root is mounted."""
    return _SECOND.format(modules=kernel.modules.parent, repository=repository, command=command)


def initramfs(kernel: Kernel) -> Path:
    """The guest's initramfs for a kernel, made once.

    Raises KernelsError without busybox.
    """
    image = kernel.root.parent / "initramfs.gz"
    busybox = shutil.which("busybox")
    if busybox is None:
        raise KernelsError("busybox is missing: apt-get install busybox-static")
    files: list[tuple[str, int, bytes]] = [("init", stat.S_IFREG | 0o755, _INIT.encode())]
    files += [
        (name, stat.S_IFDIR | 0o755, b"") for name in ("bin", "dev", "proc", "host", "changes", "root", "modules")
    ]
    files.append(("bin/busybox", stat.S_IFREG | 0o755, Path(busybox).read_bytes()))
    applets = ("sh", "mount", "umount", "mkdir", "insmod", "switch_root", "echo")
    files += [(f"bin/{name}", stat.S_IFLNK | 0o777, b"busybox") for name in applets]
    for order, path in enumerate(_modules(kernel)):
        files.append((f"modules/{order:02}-{path.name.split('.')[0]}.ko", stat.S_IFREG | 0o644, _plain(path)))
    image.write_bytes(gzip.compress(b"".join(_archive(files)), 1))
    return image


def _modules(kernel: Kernel) -> list[Path]:
    """The needed modules, each after the ones it depends on."""
    depends: dict[str, tuple[str, list[str]]] = {}
    for line in (kernel.modules / "modules.dep").read_text().splitlines():
        path, needs = line.split(":")
        depends[_name(path)] = path, [_name(need) for need in needs.split()]
    order: list[str] = []

    def add(name: str) -> None:
        if name in order or name not in depends:  # what is no module is built in: the guest finds its root or says no
            return
        for need in depends[name][1]:
            add(need)
        order.append(name)

    for name in NEEDED:
        add(name)
    return [kernel.modules / depends[name][0] for name in order]


def _name(path: str) -> str:
    return Path(path).name.split(".")[0].replace("-", "_")


def _plain(path: Path) -> bytes:
    data = path.read_bytes()
    if path.suffix == ".xz":
        return lzma.decompress(data)
    if path.suffix == ".zst":
        return subprocess.run(["zstd", "-dc"], input=data, capture_output=True, check=True).stdout
    return data


def _archive(files: list[tuple[str, int, bytes]]) -> Iterator[bytes]:
    """The cpio "newc" format: initramfs-format.rst of the kernel's documentation."""
    for inode, (name, mode, data) in enumerate([*files, ("TRAILER!!!", 0, b"")], 1):
        fields = (inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
        head = b"070701" + b"".join(b"%08x" % field for field in fields) + name.encode() + b"\0"
        yield head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)
