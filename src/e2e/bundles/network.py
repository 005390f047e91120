"""The PyTorch side of a bundle: the network rebuilt from numbers and safetensors."""

from __future__ import annotations

from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file

from e2e.bundles.bundle import Bundle
from e2e.bundles.json_fields import REMEDY
from e2e.models import build_model, count_parameters
from e2e.models.answers import FinalAnswers
from e2e.problems import InputError


def load_network(bundle: Bundle) -> FinalAnswers:
    """Ready to run on the CPU; `.network` is the bare one, to train further. Raises InputError if it does not fit."""
    contract = bundle.contract
    network: Any
    try:
        network = build_model(contract.model.family, contract.frame, dict(contract.model.config))
        network.load_state_dict(load_file(bundle.weights_path))
    except (OSError, SafetensorError, ValueError, TypeError, RuntimeError) as error:
        raise InputError(bundle.weights_path, f"does not fit the contract ({error})", REMEDY) from None
    raw, needed = network.config.num_outputs, sum(answer.num_raw for answer in contract.model.answers)
    if raw != needed:
        raise InputError(bundle.weights_path, f"gives {raw} raw numbers, its answers need {needed}", REMEDY)
    if count_parameters(network) != contract.model.num_parameters:
        what = f"{count_parameters(network)} parameters, the contract says {contract.model.num_parameters}"
        raise InputError(bundle.weights_path, what, REMEDY)
    return FinalAnswers(network, contract.model.answers).eval()
