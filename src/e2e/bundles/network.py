"""The PyTorch side of a bundle: final outputs, and the network rebuilt from numbers and safetensors."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from e2e.bundles.bundle import Bundle
from e2e.bundles.json_fields import REMEDY
from e2e.models import build_model, count_parameters
from e2e.problems import InputError


class PhysicalOutput(nn.Module):
    """A network whose answers are final: times the scale, and for a probability through a sigmoid."""

    is_probability: Tensor
    scale: Tensor

    def __init__(self, network: nn.Module, kinds: Sequence[str], scale: Sequence[float]) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("is_probability", torch.tensor([kind == "probability" for kind in kinds]))
        self.register_buffer("scale", torch.tensor(tuple(scale), dtype=torch.float32))

    def forward(self, pixel_index: Tensor, pixel_value: Tensor, seed: Tensor) -> Tensor:
        """(batch, pixels) twice and (batch, 2) -> (batch, outputs) in the units of the contract."""
        scaled = self.network(pixel_index, pixel_value, seed) * self.scale
        return torch.where(self.is_probability, torch.sigmoid(scaled), scaled)


def load_network(bundle: Bundle) -> PhysicalOutput:
    """Ready to run on the CPU; `.network` is the bare one, to train further. Raises InputError if it does not fit."""
    contract = bundle.contract
    try:
        network = build_model(contract.model.family, contract.frame, dict(contract.model.config))
        network.load_state_dict(load_file(bundle.weights_path))
    except (OSError, SafetensorError, ValueError, TypeError, RuntimeError) as error:
        raise InputError(bundle.weights_path, f"does not fit the contract ({error})", REMEDY) from None
    if count_parameters(network) != contract.model.num_parameters:
        what = f"{count_parameters(network)} parameters, the contract says {contract.model.num_parameters}"
        raise InputError(bundle.weights_path, what, REMEDY)
    return PhysicalOutput(network, [output.kind for output in contract.outputs], contract.model.output_scale).eval()
