"""What all widgets share: one script, questions that are answered or whose failure is said, and what remains without a kernel."""

from __future__ import annotations

import base64
import html
import json
import threading
import warnings
from collections.abc import Callable, Iterable
from importlib import resources
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from aura_analytics.errors import AuraError
from aura_analytics.metrics.units import UNITS
from aura_analytics.outputs import is_our_page, written

__all__ = ["View", "script", "write_page"]

_FILES = Path(str(resources.files("aura_analytics.widgets")))
_LAST = "export default { render };"
_CHILD = ".jp-OutputArea-child"
# while the widget is there its picture is not shown, and where it is not, no error of a notebook that looks for it
_STILL = (
    f"<style>{_CHILD}:has(.aura) + {_CHILD}, {_CHILD}:has(.aura) + {_CHILD} + {_CHILD}:has(.aura-still), "
    f"{_CHILD}:has(> .jupyter-widgets):not(:has(.aura)):has(+ {_CHILD} + {_CHILD} .aura-still) {{ display: none }}</style>"
)


def script(name: str | Path) -> str:
    """The ES module of a widget: the units, what all share, and its own files, the one of its name last; it loads nothing.

    Parameters
    ----------
    name
        Name of a widget that comes along, or the file of the module of one of your own.
    """
    own = [Path(name)] if isinstance(name, Path) else sorted((_FILES / name).glob("*.js"), key=lambda one: (one.stem == name, one))
    table = {unit.name: {"percent": unit.percent, "decimals": unit.exact} for unit in UNITS.values()}
    units = f"const UNITS = {json.dumps(table)};"
    return "\n".join([units, *(path.read_text("utf-8") for path in (*sorted((_FILES / "shared").glob("*.js")), *own))])


class View(anywidget.AnyWidget):
    """A thin view of a state: the front end asks by `asked`, answers are traits, what goes wrong is said in `failed`.

    Attributes
    ----------
    title
        Heading.
    alone
        Whether there is no kernel behind it.
    asked, answered, failed
        What the front end asks for; the last of that (its `at`) that was done or failed; the message (`text`) when it failed.
    here, heard
        A front end that wants to know whether anybody is there says so by a number; it comes back.
    """

    title: traitlets.Unicode[str, str | bytes] = traitlets.Unicode().tag(sync=True)
    alone: traitlets.Bool[bool, bool | int] = traitlets.Bool(default_value=False).tag(sync=True)
    asked: traitlets.Dict[str, Any] = traitlets.Dict().tag(sync=True)
    answered: traitlets.Float[float, int | float] = traitlets.Float().tag(sync=True)
    failed: traitlets.Dict[str, Any] = traitlets.Dict().tag(sync=True)
    here: traitlets.Float[float, int | float] = traitlets.Float().tag(sync=True)
    heard: traitlets.Float[float, int | float] = traitlets.Float().tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        self._busy = threading.RLock()
        super().__init__(**traits)
        self.observe(self._hear, names="asked")
        self.observe(self._look, names="here")

    def _look(self, change: Any) -> None:
        """Somebody looks at the widget."""
        self.heard = change["new"]

    def _hear(self, change: Any) -> None:
        asked = change["new"]
        try:
            with self._busy:
                self._answer(asked)
            if self.failed and not asked.get("by_itself"):  # what went wrong for somebody stays until they do something else
                self.failed = {}
        except AuraError as error:
            self.failed = {"text": str(error), "at": asked.get("at", 0)}
        except Exception as error:
            self.failed = {"text": f"{type(error).__name__}: {error}", "at": asked.get("at", 0)}
            raise
        finally:
            self.answered = asked.get("at", 0)

    def _answer(self, asked: dict[str, Any]) -> None:
        """Do what the front end asks for."""
        raise NotImplementedError

    # -- without a kernel, without a notebook ------------------------------------------------------------------------------------

    def sentence(self) -> str:
        """What the widget shows, in words."""
        raise NotImplementedError

    def picture(self) -> bytes:
        """What the widget shows, as a PNG picture."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}: {self.sentence()}"

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        bundle = super()._repr_mimebundle_(**kwargs)
        data, meta = bundle if isinstance(bundle, tuple) else (bundle or {}, {})
        try:
            picture = {"image/png": base64.b64encode(self.picture()).decode()}
        except Exception as error:  # noqa: BLE001  (a picture for those without a kernel keeps nobody from the widget)
            picture = {}
            warnings.warn(f"no picture of the widget: {type(error).__name__}: {error}", stacklevel=2)
        return {**data, "text/plain": repr(self), **picture}, meta

    def _ipython_display_(self, **_: Any) -> None:
        """The widget, and behind it a picture and a sentence that remain when there is no kernel any more."""
        from IPython.display import publish_display_data

        publish: Callable[..., None] = publish_display_data

        data, meta = self._repr_mimebundle_()
        still = {name: data.pop(name) for name in ("image/png", "text/plain") if name in data}
        publish(data, metadata=meta)
        publish(still)
        publish({"text/html": f'<div class="aura-still">{html.escape(self.sentence())}{_STILL}</div>'})

    def _page(self, path: str | Path, name: str | Path, state: dict[str, Any], parts: Iterable[str] = (), foot: str = "") -> Path:
        """The widget as one page, which works without a kernel."""
        return write_page(path, name, self.title, self.sentence(), state, parts, foot, heading=True)


def write_page(
    path: str | Path,
    name: str | Path,
    title: str,
    sentence: str,
    state: dict[str, Any],
    parts: Iterable[str] = (),
    foot: str = "",
    *,
    heading: bool = False,
) -> Path:
    """Write one page: a script, what it shows, and a model that lives in the page.

    Parameters
    ----------
    path
        File to write; an earlier page is replaced.
    name
        Whose script: see `script`.
    title, sentence
        Heading of the page, and what it says without scripts.
    state
        What the script finds in its model.
    parts
        JSON that is read when it is opened: `part-0`, `part-1`, ...
    foot
        What stands under the page.
    heading
        Whether the page gets a heading for screen readers; otherwise the script makes one.
    """
    import jinja2

    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(str(_FILES / "shared")), autoescape=True)
    # nothing in the state can end the element that it stands in
    packed = json.dumps({**state, "title": title, "alone": True, "failed": {}}, allow_nan=False).replace("<", "\\u003c")
    pieces = environment.get_template("page.html.j2").generate(
        foot=foot,
        heading=heading,
        parts=(part.replace("<", "\\u003c") for part in parts),
        title=title,
        sentence=sentence,
        state=packed,
        script=script(name).replace(_LAST, ""),
    )
    with written(path, ours=is_our_page) as whole, whole.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(pieces)
    return Path(path)
