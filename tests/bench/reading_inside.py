"""Seen from inside: the report reader at work on a long report."""

import resource
import time

from .servers import ROOT


def measure_reading(megabytes: int) -> dict:
    """Return bytes, seconds (of CPU), items and peak_mb of reading a report of this length."""
    from budgets.report_reader import parse_report

    text = (ROOT / "tests" / "samples" / "report-fy2020.txt").read_text()
    text *= -(-megabytes * 10**6 // len(text.encode()))
    start = time.process_time()
    report = parse_report(text)
    return {
        "seconds": time.process_time() - start,
        "bytes": len(text.encode()),
        "items": len(report.items),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
