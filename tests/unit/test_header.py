"""The committed C++ headers are those that the specification generates."""

from pathlib import Path

import pytest

from e2e.detector import header


def test_committed_headers_are_current() -> None:
    assert header.drifted() == []
    assert header.main(["--check"]) == 0


def test_check_fails_on_drift(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(header, "HEADER_FOLDER", tmp_path)
    header.main([])
    assert header.main(["--check"]) == 0
    contract = tmp_path / "contract.h"
    contract.write_text(contract.read_text().replace("kBarrelGrid{170", "kBarrelGrid{171"))
    assert header.main(["--check"]) == 1
    printed = capsys.readouterr().out
    assert printed.count("\n") == 1 and "contract.h" in printed and "geometry_tables.h" not in printed


def test_headers_stay_small() -> None:
    assert sum(len(build()) for build in header.HEADERS.values()) < 400_000
