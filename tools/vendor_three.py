"""Take three.js into `src/e2e/display/assets/vendor/three/`, as its `package-lock.json` names it.

    python tools/vendor_three.py

The package comes from the npm registry (`npm pack`); its SHA-512 must be the lock's. For another version change
`package.json` there, run `npm install --package-lock-only` in it, then this. `SHA512SUMS` is what a test holds the
committed files to. Versions after 0.185 ship no minified modules.
"""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "src/e2e/display/assets/vendor/three"
FILES = (
    "LICENSE",
    "build/three.core.min.js",
    "build/three.module.min.js",
    "examples/jsm/controls/OrbitControls.js",
)


def main() -> None:
    locked = json.loads((FOLDER / "package-lock.json").read_text())["packages"]["node_modules/three"]
    with tempfile.TemporaryDirectory() as folder:
        name = f"three@{locked['version']}"
        done = subprocess.run(["npm", "pack", "--json", name], cwd=folder, capture_output=True, text=True, check=True)
        package = Path(folder) / json.loads(done.stdout)[0]["filename"]
        found = "sha512-" + base64.b64encode(hashlib.sha512(package.read_bytes()).digest()).decode()
        if found != locked["integrity"]:
            sys.exit(f"{name} has {found}, the lock says {locked['integrity']}")
        sums = []
        with tarfile.open(package) as archive:
            for path in FILES:
                member = archive.extractfile(f"package/{path}")
                assert member is not None
                content, target = member.read(), FOLDER / Path(path).name
                target.write_bytes(content)
                sums.append(f"{hashlib.sha512(content).hexdigest()}  {target.name}\n")
    (FOLDER / "SHA512SUMS").write_text("".join(sorted(sums, key=lambda line: line.split()[1])))
    print(f"{name}: {len(FILES)} files in {FOLDER}")


if __name__ == "__main__":
    main()
