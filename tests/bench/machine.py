"""The machine, the versions and the commit that a measurement belongs to."""

import os
import platform
import sqlite3
import subprocess
from datetime import date
from pathlib import Path


def read_machine() -> str:
    """ "AMD EPYC、2コア、メモリ 23.4 GiB、Linux 6.1" """
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    kernel = f"{platform.system()} {platform.release()}"
    return f"{_read_processor()}、{os.cpu_count()}コア、メモリ {memory:.1f} GiB、{kernel}"


def read_versions() -> str:
    import django
    import gunicorn

    python = f"{platform.python_implementation()} {platform.python_version()}"
    return "、".join(
        [
            python,
            f"Django {django.__version__}",
            f"gunicorn {gunicorn.__version__}",
            f"SQLite {sqlite3.sqlite_version}",
        ]
    )


def read_commit() -> str:
    """Return the date and the commit; it says where the tree holds more than that commit."""
    commit = _run("git", "rev-parse", "--short", "HEAD") or "不明"
    is_changed = bool(_run("git", "--no-optional-locks", "status", "--porcelain"))
    return f"{date.today().isoformat()}、コミット {commit}{'（変更あり）' if is_changed else ''}"


def read_load() -> str:
    """How busy the machine is with other things: the mean number of running processes."""
    return f"{os.getloadavg()[0]:.1f}"


def _read_processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _run(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
