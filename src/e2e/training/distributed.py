"""Several processes that train together, as `torchrun` starts them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from e2e.problems import InputError


@dataclass(frozen=True)
class Launch:
    """This process, `rank` of `ranks`, of which `local_ranks` are on this machine and on each of the others."""

    rank: int = 0
    ranks: int = 1
    local_ranks: int = 1

    @property
    def nodes(self) -> int:
        return self.ranks // self.local_ranks

    @property
    def is_first(self) -> bool:
        """The one that writes files."""
        return self.rank == 0


def launched(environment: Mapping[str, str] = os.environ) -> Launch:
    """What `torchrun` says in its variables; one process without them. Raises InputError when they make no sense."""
    if environment.get("WORLD_SIZE", "1") == "1":
        return Launch()
    found = {name: environment.get(name, "") for name in ("RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE")}
    says = ", ".join(f"{name}={value}" for name, value in found.items())
    try:
        launch = Launch(*(int(value) for value in found.values()))
    except ValueError:
        raise InputError("train", f"cannot tell the processes: {says}", "start with torchrun") from None
    if not 0 <= launch.rank < launch.ranks or launch.local_ranks < 1 or launch.ranks % launch.local_ranks:
        raise InputError("train", f"processes do not add up: {says}", "start equally many on each machine")
    return launch
