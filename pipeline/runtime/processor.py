"""Which processor this is."""

from pathlib import Path


def processor_name() -> str:
    """Return the processor's model as the system names it, or ``unknown``."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return "unknown"
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
