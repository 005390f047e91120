"""Does every engine give a bundle's answers? Any batch, any number of pixels, none at all, extreme energies; each case
in one call of the network, golden answers in pieces as well."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from e2e.bundles import Bundle, load_bundle, verify_golden
from e2e.bundles.contract_file import Verdict
from e2e.bundles.export import describe_bundle
from e2e.bundles.parity import RELATIVE_TOLERANCE, check_agreement, parity_cases
from e2e.frames import Packed
from e2e.inference.engine import Engine, NotInstalledError, load_engine
from e2e.inference.names import ENGINE_NAMES, LOCAL_ENGINES, package_of
from e2e.markdown import markdown_table
from e2e.problems import InputError, Problems, known_names

REFERENCE = "pytorch"


def verify(
    bundles: Sequence[Path],
    *,
    engines: Sequence[str] = LOCAL_ENGINES,
    record: bool = False,
    problems: Problems | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> dict[str, dict[str, Any]]:
    """For each bundle and engine a `Verdict` as JSON: of golden answers, and PyTorch's in each case of `parity_cases`.

    record: into the bundle's contract and card; what another call found of other engines stays there. An engine that is
    not installed is named in `problems` and left out; one that fails is an error there.
    Raises InputError for a bundle that cannot be read, and an engine that is unknown or needs a server.
    """
    problems = Problems() if problems is None else problems
    for engine in engines:
        if engine not in LOCAL_ENGINES:
            raise InputError(engine, "no such engine on this machine", known_names(engine, LOCAL_ENGINES))
    opened = [load_bundle(Path(path)) for path in bundles]
    found: dict[str, dict[str, Any]] = {}
    missing: dict[str, str] = {}
    for bundle in opened:
        verdicts: dict[str, Verdict] = {}
        expected = _Expected(load_engine(bundle, REFERENCE))
        for name in engines:
            say(f"{bundle.path.name}: {name}")
            try:
                verdict = _verdict(bundle, name, expected)
            except NotInstalledError as error:
                missing[name] = error.what
                continue
            verdicts[name] = verdict
            if verdict.failure:
                problems.report(f"{bundle.path}: {name}", verdict.failure, "use another engine for this bundle")
        if record:
            known = {**bundle.contract.engines, **verdicts}
            in_order: dict[str, Verdict] = {name: known[name] for name in ENGINE_NAMES if name in known}
            describe_bundle(replace(bundle.contract, engines=in_order), bundle.path)
        found[str(bundle.path)] = {name: asdict(verdict) for name, verdict in verdicts.items()}
    for name, why in missing.items():
        problems.report(name, why, "install it to verify it", "warning")
    return found


def format_table(found: Mapping[str, Mapping[str, Any]]) -> str:
    """Markdown: a line for each bundle, the largest deviation or FAILS for each engine; then what is allowed."""
    names = [name for name in ENGINE_NAMES if any(name in verdicts for verdicts in found.values())]
    lines = [[Path(bundle).name, *(_cell(verdicts.get(name)) for name in names)] for bundle, verdicts in found.items()]
    table = markdown_table(["bundle", *names], lines)
    return f"{table}\n\nLargest deviation, relative to the answer; allowed: {RELATIVE_TOLERANCE:.0e}."


def _cell(verdict: Mapping[str, Any] | None) -> str:
    if verdict is None:
        return "-"
    return "FAILS" if verdict["failure"] else f"{verdict['largest_deviation']:.0e}"


class _Expected(dict[int, Any]):
    """The reference's answers by the number of the case; each is asked for once, whatever the number of engines."""

    def __init__(self, reference: Engine) -> None:
        self._reference = reference

    def of(self, case: int, packed: Packed) -> Any:
        if case not in self:
            self[case] = self._reference.run_whole(packed)
        return self[case]


def _verdict(bundle: Bundle, name: str, expected: _Expected) -> Verdict:
    """Raises NotInstalledError."""
    scale, sizes = bundle.contract.tolerance_scale, bundle.contract.answer_sizes
    cases = 0
    try:
        engine = load_engine(bundle, name)
        deviation = max(verify_golden(bundle, run) for run in (engine.run_whole, engine.run))
        for case, packed in parity_cases(bundle.contract.frame, bundle.contract.graph):
            cases += 1
            own = engine.run_whole(packed)
            deviation = max(deviation, check_agreement(case, own, expected.of(cases, packed), scale, sizes))
    except NotInstalledError:
        raise
    except Exception as error:  # each runtime has its own
        return Verdict(_made_by(name), cases, None, " ".join(str(error).split())[:300])
    return Verdict(_made_by(name), cases, deviation)


def _made_by(engine: str) -> str:
    """Name and version of the package of an engine that is installed."""
    package = package_of(engine)
    return f"{package} {version(package)}"
