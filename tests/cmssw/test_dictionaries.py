"""ROOT's own tools make the dictionaries of cmssw/RecoE2E/DataFormats, and a file keeps both products to the bit.

Run as a script, this file is the process that has ROOT in it: one writes the file, another reads it.
"""

import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import uproot

pytestmark = pytest.mark.slow

CMSSW = Path(__file__).parents[2] / "cmssw"
DEFINITIONS = CMSSW / "RecoE2E/DataFormats/src/classes_def.xml"
PRODUCTS = {
    "DetectorFrames": {"channel": "u1", "rows": "u2", "columns": "u2", "offset": "u4", "pixel": "i4", "value": "f4"},
    "SparseCandidates": {"rows": "u2", "columns": "u2", "centreRow": "u2", "centreColumn": "u2", "gridRows": "u2",
                         "processIndex": "u2", "productIndex": "u2", "channel": "u1", "candidate": "u4",
                         "seedRow": "i2", "seedColumn": "i2", "offset": "i8", "pixel": "i4", "value": "f4"},
}  # fmt: skip
SCALARS = [
    ("SparseCandidates", name)
    for name in ("rows", "columns", "centreRow", "centreColumn", "gridRows", "processIndex", "productIndex")
]
# What the dictionaries need of the framework: the class that a product is stored in.
WRAPPER = "namespace edm { template <typename T> struct Wrapper { bool present = true; T obj; }; }\n"


def written_events(product: str) -> list[dict[str, np.ndarray]]:
    """A product as constructed, one with nothing at all, the extremes of every type, and many values."""
    rng = np.random.default_rng(7)
    events: list[dict[str, np.ndarray]] = [{}, {}, {}, {}]
    for field, kind in PRODUCTS[product].items():
        many = np.frombuffer(rng.bytes(10_000 * np.dtype(kind).itemsize), kind)
        limits = [-np.inf, -0.0, 1e-45, np.nan] if kind == "f4" else [np.iinfo(kind).min, 0, np.iinfo(kind).max]
        values = [[0] if field == "offset" else [], [], limits, many]
        for event, value in zip(events, values, strict=True):
            event[field] = np.array(value if (product, field) not in SCALARS else value[-1] if len(value) else 0, kind)
    return events


def write(file: str, split: str) -> None:
    import ROOT

    output = ROOT.TFile(file, "recreate")
    for product in PRODUCTS:
        tree = ROOT.TTree(product, "")
        wrapper = ROOT.edm.Wrapper[f"e2e::{product}"]()
        tree.Branch("product", wrapper, 32_000, int(split))
        for number, event in enumerate(written_events(product)):
            for field, values in event.items() if number else ():
                if (product, field) in SCALARS:
                    setattr(wrapper.obj, field, int(values))
                else:
                    vector = getattr(wrapper.obj, field)
                    vector.resize(len(values))
                    np.asarray(vector)[:] = values
            tree.Fill()
        output.Write()
    output.Close()


def read(file: str, folder: str) -> None:
    import ROOT

    source = ROOT.TFile(file)
    for product, fields in PRODUCTS.items():
        for number, row in enumerate(source.Get(product)):
            found = {field: getattr(row.product.obj, field) for field in fields}
            np.savez(f"{folder}/{product}-{number}", **found)


def versions() -> None:
    """Version, checksum as `edmCheckClassVersion` takes it, and whether the dictionary is a compiled one."""
    import ROOT

    for product in PRODUCTS:
        of = ROOT.TClass.GetClass(f"e2e::{product}")
        print(of.GetName(), of.GetClassVersion(), of.GetCheckSum(), of.IsLoaded())


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dictionaries in a shared library."""
    spec = find_spec("ROOT")
    root = Path(spec.origin).parent if spec and spec.origin else Path()
    genreflex = root / "bin/genreflex"
    if not spec or not genreflex.exists() or not shutil.which("g++"):
        pytest.skip("the dictionaries need g++ and ROOT's genreflex: pip install --pre root==0.1a12")
    folder = tmp_path_factory.mktemp("dictionaries")
    header = folder / "DataFormats/Common/interface/Wrapper.h"
    header.parent.mkdir(parents=True)
    header.write_text(WRAPPER)
    include = [f"-I{folder}", f"-I{CMSSW}", f"-I{root}/include"]
    library = folder / "libRecoE2EDataFormats.so"
    made = [f"--rootmap={folder}/RecoE2E.rootmap", f"--rootmap-lib={library.name}"]
    classes = DEFINITIONS.with_name("classes.h")
    command = [genreflex, classes, "-s", DEFINITIONS, "-o", folder / "dictionary.cc", "--fail_on_warnings", *made]
    subprocess.run([*command, *include], check=True)
    flags = ["-std=c++17", "-fPIC", "-shared", "-w", *include]
    subprocess.run(["g++", *flags, folder / "dictionary.cc", "-o", library], check=True)
    return library


def in_root(library: Path, *call: object) -> str:
    """What a function of this file prints in a process of its own, with the library loaded."""
    places = {"ROOT_INCLUDE_PATH": f"{library.parent}:{CMSSW}", "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, __file__, str(library), *map(str, call)]
    done = subprocess.run(command, env=os.environ | places, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_checksums_are_those_that_root_computes(library: Path) -> None:
    said = re.findall(r'<class name="(e2e::\w+)" ClassVersion="(\d+)">\s*<version ClassVersion="\2" checksum="(\d+)"/>',
                      DEFINITIONS.read_text())  # fmt: skip
    assert in_root(library, "versions").splitlines() == [f"{' '.join(one)} True" for one in said]
    assert [name for name, _, _ in said] == [f"e2e::{product}" for product in PRODUCTS]


@pytest.mark.parametrize("split", [0, 99], ids=["whole", "split"])
def test_products_come_back_to_the_bit(library: Path, tmp_path: Path, split: int) -> None:
    file = tmp_path / "products.root"
    in_root(library, "write", file, split)
    in_root(library, "read", file, tmp_path)
    for product in PRODUCTS:
        tree = uproot.open(file)[product]
        assert tree.num_entries == len(written_events(product))
        for number, expected in enumerate(written_events(product)):
            found = np.load(tmp_path / f"{product}-{number}.npz")
            for field, values in expected.items():
                seen = [found[field]]
                if split:  # into one branch a field, which tools without the dictionary read as well
                    seen.append(tree[f"obj.{field}"].array(library="np")[number])
                for one in seen:
                    assert one.astype(values.dtype).tobytes() == values.tobytes(), (product, number, field)


if __name__ == "__main__":
    import ROOT

    assert ROOT.gSystem.Load(sys.argv[1]) >= 0
    {"write": write, "read": read, "versions": versions}[sys.argv[2]](*sys.argv[3:])
