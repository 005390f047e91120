"""Which pixels a network's answer hangs on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from e2e.bundles import Bundle
from e2e.frames.candidates import Candidates


def attributions(bundle: Bundle, candidates: Candidates) -> NDArray[np.float32]:
    """Gradient times value of every pixel, (pixels,) in the order of `candidates.pixel_value`: by how much the first
    raw number of the network, a logit or a quantity in units of its scale, changes per relative change of the pixel.

    Of the raw number, since a probability near 0 or 1 hardly moves. By PyTorch: ONNX Runtime gives no gradients.
    """
    import torch

    from e2e.bundles.network import load_network, to_tensors

    network = load_network(bundle).network
    index, value, *others = to_tensors(bundle.inputs(candidates.pack()))
    value.requires_grad_()
    with torch.enable_grad():
        raw = network(index, value, *others)[:, 0].sum()
    (gradient,) = torch.autograd.grad(raw, value)
    product = (gradient * value).detach().numpy()
    lengths = np.diff(candidates.offsets)
    is_pixel = np.arange(product.shape[1]) < lengths[:, None]
    return product[is_pixel]
