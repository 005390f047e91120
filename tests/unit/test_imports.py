"""The package starts at once, and what needs no heavy library works without one."""

import subprocess
import sys

LIGHT = {
    "e2e.contract": ("numpy", "torch", "pyarrow"),
    "e2e.events.record": ("torch", "pyarrow", "lightning", "onnxruntime"),
    "e2e.frames.native": ("torch", "pyarrow", "lightning", "onnxruntime"),
    "e2e.datasets.convert": ("torch", "lightning", "onnxruntime", "matplotlib", "uproot", "awkward", "h5py"),
    "e2e.simulation": ("torch", "lightning", "onnxruntime", "matplotlib"),
    "e2e.inference.predict": ("torch", "lightning", "matplotlib"),
    "e2e.bundles": ("torch", "lightning", "onnxruntime", "matplotlib"),
    "e2e.models": ("pyarrow", "lightning", "onnxruntime"),
}


def test_rooms_load_without_what_they_do_not_need():
    for module, blocked in LIGHT.items():
        script = f"import sys\nfor name in {blocked}: sys.modules[name] = None\nimport {module}"
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
        assert done.returncode == 0, f"{module} without {blocked}: {done.stderr.splitlines()[-1]}"


def test_importing_the_package_loads_nothing_else_of_ours_or_others():
    script = """import sys
before = set(sys.modules)
import e2e
print(sorted(n for n in set(sys.modules) - before if n.split('.')[0] not in sys.stdlib_module_names))"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['e2e']"


def test_a_missing_generator_is_one_line_and_guns_go_without(tmp_path):
    for process, blocked, extra in (
        ("quark-gluon", "pythia8mc", "simulation"),
        ("minimum-bias", "fastjet", "simulation"),
        ("photon", "pythia8mc", None),
    ):
        script = f"""import sys
sys.modules[{blocked!r}] = None
from e2e.cli import main
sys.exit(main(["simulate", {process!r}, "-n", "3", "-o", {str(tmp_path / process)!r}]))"""
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
        assert done.returncode == (0 if extra is None else 1), done.stderr
        if extra:
            assert done.stderr.count("\n") == 1
            assert f"package {blocked} is not installed; install it: pip install 'cms-e2e[{extra}]'" in done.stderr
