"""What the site has beside docs/: pages of the repository, the reference, tables made from code, and links that hold.

A link that works on GitHub is followed to where the site has what it leads to. MkDocs calls the functions `on_...`
(`hooks` in mkdocs.yml).
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from posixpath import dirname, normpath, relpath
from typing import Any

from mkdocs.structure.files import File
from site_tables import TABLES, table

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "e2e"
REFERENCE, DECISIONS, ZOO = "reference/index.md", "decisions/index.md", "zoo/index.md"
PROJECT = {"architecture.md": ROOT / "ARCHITECTURE.md", "changelog.md": ROOT / "CHANGELOG.md"}
CARDS = {f"zoo/{path.parent.name}.md": path for path in sorted(ROOT.glob("zoo/*/README.md"))}
OUTSIDE = {**PROJECT, **CARDS, "cmssw.md": ROOT / "cmssw" / "README.md"}  # pages that do not lie in docs/
PACKAGES = {f"reference/{path.parent.name}.md": path.parent for path in sorted(PACKAGE.glob("*/__init__.py"))}


def on_config(config: Any) -> Any:
    """The parts of the navigation that follow from what is there."""
    references = [REFERENCE, *({_module_name(path): uri} for uri, path in PACKAGES.items())]
    cards = [ZOO, *({path.parent.name: uri} for uri, path in CARDS.items())]
    decisions = [DECISIONS, *({_title(path): f"decisions/{path.name}"} for path in _decisions())]
    config.nav += [{"Reference": references}, {"Zoo": cards}, {"Project": [*PROJECT, {"Decisions": decisions}]}]
    return config


def on_files(files: Any, config: Any) -> Any:
    for uri, path in OUTSIDE.items():
        files.append(File.generated(config, uri, abs_src_path=str(path)))
    for path in ROOT.glob("zoo/*/*.svg"):
        files.append(File.generated(config, path.relative_to(ROOT).as_posix(), abs_src_path=str(path)))
    for uri, path in PACKAGES.items():
        files.append(File.generated(config, uri, content=_package_page(path)))
    for uri, content in ((REFERENCE, _reference()), (ZOO, _zoo()), (DECISIONS, _decision_list())):
        files.append(File.generated(config, uri, content=content))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    for name, make in TABLES.items():
        if (mark := f"<!-- {name} -->") in markdown:
            markdown = markdown.replace(mark, make())
    return follow_links(markdown, page.file.src_uri, {file.src_uri for file in files}, config.repo_url)


def follow_links(markdown: str, uri: str, pages: set[str], repo_url: str | None = None) -> str:
    """Links of the page `uri` as they hold in the site, outside of code blocks.

    A link to a file of the repository that has no page leads to its reference where it is a module, else to `repo_url`;
    without one its text stays. What does not exist is left alone, for MkDocs to complain about.
    """
    source = OUTSIDE.get(uri, ROOT / "docs" / uri).relative_to(ROOT).as_posix()

    def follow(match: re.Match[str]) -> str:
        text, target, anchor = match["text"], match["target"], match["anchor"] or ""
        path = normpath(f"{dirname(source)}/{target}")
        place = _place(path, pages)
        if place is not None:
            page, _, own = place.partition("#")
            return f"{text}({relpath(page, dirname(uri) or '.')}{anchor or (own and '#' + own)})"
        if not (ROOT / path).exists():
            return match[0]
        return f"{text}({repo_url.rstrip('/')}/blob/HEAD/{path}{anchor})" if repo_url else text.strip("![]")

    link = re.compile(r"(?P<text>!?\[[^\[\]]*\])\((?P<target>[^)#:\s]+)(?P<anchor>#[^)\s]*)?\)")
    parts = re.split(r"(^ *```.*?^ *```)", markdown, flags=re.DOTALL | re.MULTILINE)
    return "".join(part if number % 2 else link.sub(follow, part) for number, part in enumerate(parts))


def _place(path: str, pages: set[str]) -> str | None:
    """Where the site shows a file or folder of the repository."""
    own = {page.relative_to(ROOT).as_posix(): uri for uri, page in OUTSIDE.items()} | {"README.md": "index.md"}
    uri = own.get(path, path.removeprefix("docs/"))
    for name in (uri, f"{uri}/index.md"):
        if name in pages:
            return name
    module = ROOT / path if path.endswith(".py") else ROOT / path / "__init__.py"
    if not module.is_file() or not module.is_relative_to(PACKAGE):
        return None
    inside = (ROOT / path).relative_to(PACKAGE).parts
    package = f"reference/{inside[0]}.md" if inside else REFERENCE
    anchor = f"#{_module_name(ROOT / path)}" if inside else ""
    return (package if package in pages else REFERENCE) + anchor


def _module_name(path: Path) -> str:
    parts = path.relative_to(ROOT / "src").with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def _decisions() -> list[Path]:
    return sorted(ROOT.glob("docs/decisions/[0-9]*.md"))


def _title(page: Path) -> str:
    return page.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")


def _summary(module: Path) -> str:
    """The first line of its docstring."""
    about = ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))) or ""
    return about.partition("\n")[0]


def _package_page(package: Path) -> str:
    """Every name where it is defined, and not again where it is handed on."""
    tree = ast.parse((package / "__init__.py").read_text(encoding="utf-8"))
    defined = [node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    tables = [node.target for node in tree.body if isinstance(node, ast.AnnAssign)]
    own = [node.name for node in defined] + [target.id for target in tables if isinstance(target, ast.Name)]
    members = f"[{', '.join(own)}]" if own else "false"
    modules = [path for path in sorted(package.glob("*.py")) if path.stem != "__init__"]
    entries = [(_module_name(package), f"{{heading_level: 1, members: {members}}}")]
    entries += [(_module_name(path), "{heading_level: 2}") for path in modules]
    return "\n".join(f"::: {name}\n    options: {options}\n" for name, options in entries)


def _reference() -> str:
    lines = ["# Reference", "", "Every public name with its docstring, a page for each package.", ""]
    rows = [
        [f"[`{_module_name(path)}`]({Path(uri).name})", _summary(path / "__init__.py")]
        for uri, path in PACKAGES.items()
    ]
    lines += [table(["package", "what it is"], rows), "", "## Modules beside them", ""]
    modules = [path for path in sorted(PACKAGE.glob("*.py")) if path.stem != "__init__"]
    return "\n".join([*lines, *(f"::: {_module_name(path)}\n    options: {{heading_level: 3}}\n" for path in modules)])


def _zoo() -> str:
    rows = [[f"[{path.parent.name}]({path.parent.name}.md)", _title(path)] for path in CARDS.values()]
    about = "Trained bundles, each with its card: what it was trained on, how good it is, and its limits."
    return f"# Zoo\n\n{about}\n\n{table(['bundle', 'what it answers'], rows)}\n"


def _decision_list() -> str:
    about = "Choices and their reasons, negative results included."
    lines = [f"- [{_title(path)}]({path.name})" for path in _decisions()]
    return "\n".join(["# Decisions", "", about, "", *lines, ""])
