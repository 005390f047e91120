"""What is to be learned: one small file per task, with its process, frame, target and output."""

from e2e.tasks.diphoton_mass import DIPHOTON_MASS
from e2e.tasks.electron_photon import ELECTRON_PHOTON
from e2e.tasks.task import Output, Species, Task

TASKS: dict[str, Task] = {task.name: task for task in (ELECTRON_PHOTON, DIPHOTON_MASS)}

__all__ = ["TASKS", "Output", "Species", "Task"]
