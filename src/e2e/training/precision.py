"""In which numbers to compute: what the machine is fast in."""

from __future__ import annotations

from collections.abc import Mapping

import torch

AUTO = "auto"


def resolve_precision(precision: str) -> str:
    """As Lightning names it; `auto` becomes `bf16-mixed` where the GPU or the processor computes in bf16, `32-true`
    elsewhere: a processor without such instructions imitates them, ten times slower."""
    if precision != AUTO:
        return precision
    if torch.cuda.is_available():
        return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "32-true"
    capabilities: Mapping[str, object] = getattr(torch.cpu, "get_capabilities", dict)()  # not in every version
    return "bf16-mixed" if capabilities.get("avx512_bf16") or capabilities.get("amx_bf16") else "32-true"
