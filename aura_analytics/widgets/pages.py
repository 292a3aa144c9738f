"""Widgets as pages: which there are, and how each is written. One of an installed package is found by its entry point."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typing_extensions import TypedDict, Unpack

from aura_analytics import extensions
from aura_analytics.clock.calendars import CalendarLike
from aura_analytics.clock.sla import SlaLike
from aura_analytics.errors import ParameterError, Problem, close_match
from aura_analytics.io.front_door import EventsLike
from aura_analytics.rules.policy import PolicyLike

__all__ = ["PageMaker", "page_of", "pages"]


class PageOptions(TypedDict, total=False):
    """What a page may be asked for: moment, scenario, seed, window, limits of cases, calendar, how many actors at most, and who is
    told how far it is.
    """

    as_of: str
    scenario: str
    seed: int
    window: str
    sla: SlaLike
    calendar: CalendarLike
    most: int
    progress: Callable[[int, int], None]


@dataclass(frozen=True)
class PageMaker:
    """How a widget is written as a page.

    Parameters
    ----------
    name
        Of the page.
    make
        Called with events, a policy, the path, and options; returns the file, what it shows in a sentence, and who is flagged.
    options
        Names of the options that it takes: `as_of`, `scenario`, `seed`, `window`, `sla`, `calendar`, `most`.
    """

    name: str
    make: Callable[..., tuple[Path, str, list[str]]]
    options: tuple[str, ...] = ("as_of",)

    def write(
        self, events: EventsLike, policy: PolicyLike, path: Path, **options: Unpack[PageOptions]
    ) -> tuple[Path, str, list[str]]:
        """Write the page."""
        return self.make(events, policy, path, **options)


def _tuner(events: EventsLike, policy: PolicyLike, path: Path, **options: Any) -> tuple[Path, str, list[str]]:
    from aura_analytics.widgets.tuner.view import ThresholdTuner

    tuner = ThresholdTuner(events, policy, **options)
    return tuner.export_html(path), tuner.sentence(), tuner.state.flagged


def _explorer(
    events: EventsLike,
    policy: PolicyLike,
    path: Path,
    *,
    most: int = 50,
    progress: Callable[[int, int], None] | None = None,
    **options: Any,
) -> tuple[Path, str, list[str]]:
    from aura_analytics.widgets.explorer.view import DossierExplorer

    explorer = DossierExplorer(events, policy, follow=None, **options)
    return explorer.export_html(path, most=most, progress=progress), explorer.sentence(), explorer.state.found(verdict="flag")


def _brief(events: EventsLike, policy: PolicyLike, path: Path, **options: Any) -> tuple[Path, str, list[str]]:
    from aura_analytics.dossier.board import dossiers
    from aura_analytics.widgets.brief.page import write_brief

    asked = {name: options[name] for name in ("as_of", "window", "sla", "calendar") if name in options}
    board = dossiers(events, policy=policy, **asked)
    flagged = board.filter(board["pip_status"].cast(str) == "flag")["actor"].to_list()
    return write_brief(events, path, policy=policy, **options), f"{len(flagged):,} flagged", flagged


def pages() -> dict[str, PageMaker]:
    """The pages that can be written, by name."""
    found = {
        "tuner": PageMaker("tuner", _tuner, ("as_of", "scenario", "seed", "sla", "calendar")),
        "explorer": PageMaker("explorer", _explorer, ("as_of", "window", "sla", "calendar", "most")),
        "brief": PageMaker("brief", _brief, ("as_of", "window", "sla", "calendar", "scenario", "seed")),
    }
    for name, offered in extensions.extensions("widgets"):
        if not isinstance(offered, PageMaker) or offered.name in found:
            extensions.refuse("widgets", name, "it is no PageMaker, or its name is taken")
            continue
        found[offered.name] = offered
    return found


def page_of(name: str) -> PageMaker:
    """The page of a name.

    Raises
    ------
    ParameterError
        If there is none.
    """
    known = pages()
    if name not in known:
        raise ParameterError(Problem("no such page", got=name, expected=", ".join(known), next=close_match(name, list(known))))
    return known[name]
