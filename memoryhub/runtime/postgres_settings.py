"""Server settings of the embedded PostgreSQL, derived from the machine."""

from __future__ import annotations

import os
from pathlib import Path

import psutil

MIB = 1024 * 1024
CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
#: Parallel queries share memory here; containers often get 64 MiB, which is too little.
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - the kernel's shared memory, not a temporary file

HEADER = """\
# Written by MemoryHub at every start: changes made here are lost.
# Your own settings belong into custom.conf beside this file; they win.
"""
HBA = """\
# Written by MemoryHub. Connections come through the unix socket only; its directory has mode
# 0700, so whoever reaches it is the hub's own account (or root), which could read any password.
local all all trust
"""


def machine_memory() -> int:
    """Bytes of memory the hub may use: the machine's, or the container's where that is less."""
    amounts = [int(psutil.virtual_memory().total)]
    limits = [path.read_text().strip() for path in CGROUP_LIMITS if path.exists()]
    return min([*amounts, *(int(limit) for limit in limits if limit.isdigit())])


def clamp(value: int, low: int, high: int) -> int:
    return max(low, min(value, high))


def megabytes(amount: int) -> str:
    return f"{amount // MIB}MB"


def tuned_settings(memory: int, shared_memory_percent: int, cores: int) -> dict[str, str]:
    """Settings for a machine with ``memory`` bytes that the server shares with the hub itself."""
    return {
        "shared_buffers": megabytes(clamp(memory * shared_memory_percent // 100, 64 * MIB, 16384 * MIB)),
        "effective_cache_size": megabytes(memory // 2),
        "work_mem": megabytes(clamp(memory // 512, 4 * MIB, 64 * MIB)),
        "maintenance_work_mem": megabytes(clamp(memory // 16, 64 * MIB, 2048 * MIB)),
        "max_worker_processes": str(max(8, cores + 4)),
        "max_parallel_workers": str(cores),
        "max_parallel_workers_per_gather": str(clamp(cores // 2, 0, 4)),
        # a web process a core, of up to 16 threads that keep a connection each, and the hub's other processes
        "max_connections": str(80 + 20 * cores),
        # many daily partitions: a dump locks all of them at once
        "max_locks_per_transaction": "256",
        "max_wal_size": "2GB",
        "min_wal_size": "256MB",
        "checkpoint_timeout": "10min",
        "wal_compression": "on",
        "random_page_cost": "1.1",
        # queries here take milliseconds, compiling them takes longer
        "jit": "off",
        "autovacuum_naptime": "20s",
        "autovacuum_vacuum_scale_factor": "0.05",
        "autovacuum_analyze_scale_factor": "0.05",
    }


def server_settings(socket_dir: Path) -> dict[str, str]:
    return {
        "listen_addresses": "",
        "unix_socket_directories": str(socket_dir),
        "unix_socket_permissions": "0700",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "logging_collector": "on",
        "log_directory": "log",
        "log_filename": "postgresql-%a.log",
        "log_truncate_on_rotation": "on",
        "log_rotation_age": "1d",
        "log_rotation_size": "0",
        "log_line_prefix": "%m [%p] %u ",
        "log_min_duration_statement": "2s",
        "log_startup_progress_interval": "2s",
    }


def shared_memory_settings() -> dict[str, str]:
    roomy = (
        SHARED_MEMORY.exists() and os.statvfs(SHARED_MEMORY).f_blocks * os.statvfs(SHARED_MEMORY).f_frsize >= 512 * MIB
    )
    return {} if roomy else {"dynamic_shared_memory_type": "mmap"}


#: For tests: a crash of the machine may lose everything, in exchange for speed.
FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
    "autovacuum_naptime": "1min",
}


def quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def render(settings: dict[str, str]) -> str:
    lines = [f"{name} = {quoted(value)}" for name, value in settings.items()]
    return HEADER + "\n".join([*lines, "include_if_exists = 'custom.conf'", ""])


def configuration(socket_dir: Path, shared_memory_percent: int, *, fast: bool) -> str:
    """The text of postgresql.conf for this machine."""
    settings = tuned_settings(machine_memory(), shared_memory_percent, os.cpu_count() or 1)
    settings |= server_settings(socket_dir) | shared_memory_settings()
    return render(settings | (FAST if fast else {}))
