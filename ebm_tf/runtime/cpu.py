"""What a CPU multiplies by; TensorFlow is not needed to know it."""

import functools
import os
import pathlib
import platform
import re
from typing import Any

# The best first, as Linux names them.
INSTRUCTIONS = ("amx_bf16", "avx512_bf16", "avx512_vnni", "avx512f", "avx2")
# The limits of ONEDNN_MAX_CPU_ISA that leave no instruction for bfloat16.
_LIMITS = r"SSE41|AVX|AVX2.*|AVX512_CORE|AVX512_CORE_VNNI"


@functools.cache
def instructions() -> str | None:
    """The best of INSTRUCTIONS that the CPU has; None where they are not known."""
    described = pathlib.Path("/proc/cpuinfo")
    if not described.exists():
        return None
    flags = re.search(r"^flags\s*:(.*)$", described.read_text(), re.MULTILINE)
    there = flags[1].split() if flags else []
    return next((name for name in INSTRUCTIONS if name in there), None)


def multiplies_bfloat16() -> bool:
    """Whether it has instructions for bfloat16, and oneDNN may use them."""
    limit = os.environ.get("ONEDNN_MAX_CPU_ISA", "")
    limited = re.fullmatch(_LIMITS, limit, re.IGNORECASE)
    return instructions() in INSTRUCTIONS[:2] and not limited


def facts() -> dict[str, Any]:
    """The CPU and what is said to oneDNN, for the record of a run."""
    named = {name: value for name, value in os.environ.items() if "ONEDNN" in name}
    return {"cpu": instructions() or platform.machine(), "onednn": named}
