"""three.js in the page: the files that its package holds, and nothing that is imported is missing."""

import hashlib
import json
import re
from importlib.resources import files

from e2e.display.page import MODULES

ASSETS = files("e2e.display") / "assets"
VENDOR = ASSETS / "vendor" / "three"


def test_vendored_files_are_those_that_were_taken():
    lines = (VENDOR / "SHA512SUMS").read_text().splitlines()
    sums = dict(reversed(line.split("  ")) for line in lines)
    assert {"LICENSE", "three.core.min.js", "three.module.min.js", "OrbitControls.js"} == set(sums)
    for name, expected in sums.items():
        assert hashlib.sha512((VENDOR / name).read_bytes()).hexdigest() == expected, name


def test_the_lock_names_version_and_integrity():
    wanted = json.loads((VENDOR / "package.json").read_text())["dependencies"]["three"]
    locked = json.loads((VENDOR / "package-lock.json").read_text())["packages"]["node_modules/three"]
    assert locked["version"] == wanted
    assert locked["integrity"].startswith("sha512-")
    revision = wanted.split(".")[1]
    assert f'"{revision}"' in (VENDOR / "three.core.min.js").read_text()


def test_every_import_is_in_the_page():
    imported = set()
    for path in MODULES.values():
        text = re.sub(r"^\s*\*.*$", "", (ASSETS / path).read_text(), flags=re.MULTILINE)  # without the comments
        for name in re.findall(r"""(?:\bfrom|\bimport)\s*["']([\w./-]+)["']""", text):
            assert name.removeprefix("./") in MODULES, f"{path} imports {name}"
            imported.add(name.removeprefix("./"))
    assert imported == set(MODULES) - {"display.js"}  # minified ones, too, are read by this pattern


def test_every_script_of_the_folder_is_in_the_page():
    ours = {entry.name for entry in ASSETS.iterdir() if entry.name.endswith(".js")}
    assert ours - {"start.js"} == set(MODULES.values()) & ours
