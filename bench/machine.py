"""What machine a figure was measured on."""

from __future__ import annotations

import os
import platform
import resource
from pathlib import Path


def describe() -> str:
    """One line: processor, cores, memory, system, Python."""
    model = "unknown processor"
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cores = len(os.sched_getaffinity(0))
    system, python = f"{platform.system()} {platform.release()}", platform.python_version()
    return f"{model}, {cores} cores, {memory:.0f} GiB, {system}, Python {python}"


def peak_memory_mb() -> float:
    """The largest resident size of this program so far. Linux's ru_maxrss begins with that of whoever started it."""
    status = Path("/proc/self/status")
    if status.exists():
        kilobytes = next(
            line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM:")
        )
        return int(kilobytes) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def folder_bytes(path: Path) -> int:
    """What a folder takes on disk."""
    return sum(file.stat().st_blocks * 512 for file in path.rglob("*") if file.is_file())


def percentile(ordered: list[float], share: float) -> float:
    """Of an ascending list."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
