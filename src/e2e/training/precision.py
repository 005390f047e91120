"""In which numbers to compute: what the machine is fast in."""

from __future__ import annotations

import torch

AUTO = "auto"


def resolve_precision(precision: str) -> str:
    """As Lightning names it; `auto` becomes `bf16-mixed` where a GPU computes in bf16, `32-true` elsewhere. On a
    processor with instructions for bf16 most networks are slower in it (docs/decisions/0031)."""
    if precision != AUTO:
        return precision
    has_bf16 = torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
    return "bf16-mixed" if has_bf16 else "32-true"
