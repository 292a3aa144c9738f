"""The documentation site: pages in Markdown, docstrings, and the notebooks as they were run. Nothing on it asks another host."""

from __future__ import annotations

import inspect
import shutil
from pathlib import Path

import aura_analytics

HERE = Path(__file__).parent
ROOT = HERE.parent

project = "aura-analytics"
author = "The aura-analytics authors"
copyright = author  # noqa: A001
release = aura_analytics.__version__
templates_path = ["_templates"]
extensions = ["myst_nb", "numpydoc", "sphinx.ext.autodoc", "sphinx.ext.autosummary"]
exclude_patterns = ["site"]
html_theme = "pydata_sphinx_theme"
html_title = project
html_show_sourcelink = False
html_theme_options = {"navbar_end": ["theme-switcher"], "show_prev_next": False, "icon_links": []}
html_context = {"default_mode": "auto"}
nb_execution_mode = "off"  # the notebooks are run, and compared with their outputs, by the tests
nb_ipywidgets_js: dict[str, dict[str, str]] = {}
nb_render_markdown_format = "commonmark"
nb_mime_priority_overrides = [("html", "text/html", 0), ("html", "image/png", 10)]
suppress_warnings = ["mystnb.unknown_mime_type", "myst.header", "misc.highlighting_failure"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
autosummary_generate = True
autosummary_ignore_module_all = False
autosummary_imported_members = True
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False


def _names() -> str:
    """The names of the root, in groups: what is a class, a function, a subpackage."""
    groups: dict[str, list[str]] = {"Functions": [], "Classes": [], "Subpackages": []}
    for name in sorted(aura_analytics.__all__, key=str.lower):
        one = getattr(aura_analytics, name)
        group = "Subpackages" if inspect.ismodule(one) else "Classes" if inspect.isclass(one) else "Functions"
        groups[group].append(name)
    parts = []
    for title, names in groups.items():
        listed = "\n".join(f"   {name}" for name in names)
        parts.append(f".. rubric:: {title}\n\n.. autosummary::\n   :toctree: api\n\n{listed}\n")
    return "\n".join(parts)


def _prepared() -> None:
    """Copies of the notebooks, and the list of names, beside the pages that show them."""
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        shutil.copyfile(path, HERE / "gallery" / path.name)
    head = "Python\n======\n\nWhat ``import aura_analytics as aura`` gives. Every example runs in the tests.\n"
    (HERE / "reference" / "python.rst").write_text(f"{head}\n.. currentmodule:: aura_analytics\n\n{_names()}", encoding="utf-8")


_prepared()
