"""A trained model to ship: `model.onnx`, `contract.json`, weights, golden pairs, card. Nothing is ever unpickled."""

from e2e.bundles.bundle import Bundle, load_bundle, verify_golden
from e2e.bundles.contract_file import Contract
from e2e.bundles.parity import ParityError

__all__ = ["Bundle", "Contract", "ParityError", "load_bundle", "verify_golden"]
