"""What is to be learned: one small file per task, with its process, selection, frame, target and output."""

from e2e.tasks.diphoton_mass import DIPHOTON_MASS
from e2e.tasks.ditau_mass import DITAU_MASS
from e2e.tasks.electron_photon import ELECTRON_PHOTON
from e2e.tasks.higgs_diphoton import HIGGS_DIPHOTON
from e2e.tasks.quark_gluon import QUARK_GLUON
from e2e.tasks.task import Balance, Flat, Output, Species, Task
from e2e.tasks.tau import TAU
from e2e.tasks.top import TOP
from e2e.tasks.top_mass import TOP_MASS

TASKS: dict[str, Task] = {
    task.name: task
    for task in (ELECTRON_PHOTON, DIPHOTON_MASS, QUARK_GLUON, TOP, TOP_MASS, TAU, DITAU_MASS, HIGGS_DIPHOTON)
}

__all__ = ["TASKS", "Balance", "Flat", "Output", "Species", "Task"]
