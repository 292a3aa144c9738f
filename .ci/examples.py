"""The code of README, pages and docstrings, type-checked: what a reader copies must be right for the reader's tools as well."""

from __future__ import annotations

import ast
import doctest
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
_BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
_FLAGS = [
    "--strict",
    "--no-incremental",
    "--allow-redefinition-new",
    "--local-partial-types",
    "--follow-imports=silent",
    "--disable-error-code=no-untyped-def",
    "--disable-error-code=func-returns-value",
    "--disable-error-code=no-untyped-call",
]


def _docstrings(path: Path) -> Iterator[tuple[str, int, str]]:
    """Name, line and text of every docstring of a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and (text := ast.get_docstring(node)):
            yield getattr(node, "name", "module"), node.body[0].lineno, text


def _as_functions(path: Path) -> str:
    """Every example of a module as a function of its own, with the module's names around it."""
    out, parser = [], doctest.DocTestParser()
    for name, line, text in _docstrings(path):
        sources = [example.source for example in parser.get_examples(text)]
        if sources:
            body = "".join("    " + row + "\n" for source in sources for row in source.rstrip("\n").split("\n"))
            out.append(f"def _example_{line}_of_{name}() -> None:\n{body}\n")
    if not out:
        return ""
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    names = [
        node.name for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, (ast.ClassDef, ast.FunctionDef))
    ]
    imports = [
        ast.unparse(node)
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, (ast.Import, ast.ImportFrom)) and getattr(node, "module", "") != "__future__"
    ]
    return "\n".join([*imports, f"from {module} import *", *(f"from {module} import {name}" for name in names), "", *out])


def main() -> int:
    """Check all of it; the exit code."""
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
            if blocks := _BLOCK.findall(path.read_text(encoding="utf-8")):
                made = Path(folder) / f"page_{path.stem.replace('-', '_')}.py"
                made.write_text("\n".join(blocks), encoding="utf-8")
                files.append(made)
        for path in sorted((ROOT / "aura_analytics").rglob("*.py")):
            if text := _as_functions(path):
                made = Path(folder) / ("_".join(path.relative_to(ROOT).with_suffix("").parts) + ".py")
                made.write_text(text, encoding="utf-8")
                files.append(made)
        print(f"{len(files)} files of examples")
        return subprocess.run([sys.executable, "-m", "mypy", *_FLAGS, *map(str, files)], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
