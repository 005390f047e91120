"""The PyTorch side of a bundle: the network rebuilt from numbers and safetensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file

from e2e.bundles.bundle import Bundle
from e2e.bundles.json_fields import REMEDY
from e2e.models import build_model, count_parameters, graph_of
from e2e.models.answers import FinalAnswers
from e2e.problems import InputError

Inputs = Mapping[str, NDArray[np.float32]]  # of a network, by name, in order; see `Bundle.inputs`


def to_tensors(inputs: Inputs, device: torch.device | str = "cpu") -> tuple[torch.Tensor, ...]:
    return tuple(torch.from_numpy(values).to(device) for values in inputs.values())


def run_network(
    network: Callable[..., torch.Tensor], inputs: Inputs, device: torch.device | str = "cpu"
) -> NDArray[np.float32]:
    """In full precision: TF32 would round the inputs of convolutions to 10 bits."""
    with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        return network(*to_tensors(inputs, device)).float().cpu().numpy()


def load_network(bundle: Bundle) -> FinalAnswers:
    """Ready to run on the CPU; `.network` is the bare one, to train further. Raises InputError if it does not fit."""
    contract = bundle.contract
    network: Any
    try:
        network = build_model(contract.model.family, contract.frame, dict(contract.model.config))
        network.load_state_dict(load_file(bundle.weights_path))
    except (OSError, SafetensorError, ValueError, TypeError, RuntimeError) as error:
        raise InputError(bundle.weights_path, f"does not fit the contract ({error})", REMEDY) from None
    if graph_of(network) != contract.graph:
        what = f"its network joins pixels by {graph_of(network)}, the contract says {contract.graph}"
        raise InputError(bundle.weights_path, what, REMEDY)
    raw, needed = network.config.num_outputs, sum(answer.num_raw for answer in contract.model.answers)
    if raw != needed:
        raise InputError(bundle.weights_path, f"gives {raw} raw numbers, its answers need {needed}", REMEDY)
    if count_parameters(network) != contract.model.num_parameters:
        what = f"{count_parameters(network)} parameters, the contract says {contract.model.num_parameters}"
        raise InputError(bundle.weights_path, what, REMEDY)
    return FinalAnswers(network, contract.model.answers).eval()
