"""The command line: one verb per step. Each verb is a Python function of the same name and defaults (`VERBS`)."""

from e2e.cli.run import main
from e2e.cli.verbs import VERBS

__all__ = ["VERBS", "main"]
