"""The dossier explorer as a widget, and as one self-contained page."""

from __future__ import annotations

import base64
import shlex
import threading
import time
import weakref
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import traitlets

from aura_analytics.clock.calendars import CalendarLike
from aura_analytics.clock.sla import SlaLike
from aura_analytics.clock.times import span_of_time
from aura_analytics.errors import ParameterError, Problem
from aura_analytics.io.front_door import EventsLike
from aura_analytics.metrics.catalogue import MetricsLike
from aura_analytics.rules.policy import PolicyLike
from aura_analytics.rules.roles import RolesLike
from aura_analytics.widgets.explorer.batch import pages_of
from aura_analytics.widgets.explorer.board_table import columns_of, people_of
from aura_analytics.widgets.explorer.comparison import beside
from aura_analytics.widgets.explorer.counted_series import counted_series
from aura_analytics.widgets.explorer.download import as_file, seen
from aura_analytics.widgets.explorer.payload import (
    audits_of,
    behind_of,
    card_of,
    detail_of,
    foot_of,
    line_of,
    looks_of,
    plan_of,
    reliance_of,
    sparks_of,
)
from aura_analytics.widgets.explorer.picture import picture_of
from aura_analytics.widgets.explorer.state import ExplorerState
from aura_analytics.widgets.shared.view import View, script

__all__ = ["DossierExplorer"]

_MINUTE = 60.0  # seconds that a ledger is followed after the widget was last looked at
_ROWS = 200  # cases behind a number that are shown at once


class DossierExplorer(View):
    """Everybody's dossier: search, pick, see what is behind every number, and start the plan that follows from it.

    Parameters
    ----------
    source, policy, options
        As `ExplorerState`. Of a ledger the explorer shows what is recorded as it comes, and records the plans that are started as
        proposals.
    author
        Who asks for plans, as the field in the banner is filled in.
    follow
        Seconds between two looks at the ledger, as long as somebody looks at the widget; None follows nothing (`refresh` looks
        once).

    Attributes
    ----------
    state
        The `ExplorerState` behind it.

    Examples
    --------
    >>> import aura_analytics as aura
    >>> repr(DossierExplorer(aura.sample_log(600, seed=3))).split(" over ")[0]
    'DossierExplorer: officer_anne@sba.gov (officer): flag; 1 of 10 flagged by reliance'
    """

    _esm = script("explorer")
    people: traitlets.Dict[str, Any] = traitlets.Dict().tag(sync=True)
    detail: traitlets.Dict[str, Any] = traitlets.Dict().tag(sync=True)
    behind: traitlets.Dict[str, Any] = traitlets.Dict().tag(sync=True)
    plan: traitlets.Dict[str, Any] = traitlets.Dict().tag(sync=True)
    audits: traitlets.Dict[str, Any] = traitlets.Dict().tag(sync=True)
    card: traitlets.List[str] = traitlets.List().tag(sync=True)
    beside: traitlets.Dict[str, Any] = traitlets.Dict().tag(sync=True)
    line: traitlets.Dict[str, Any] = traitlets.Dict().tag(sync=True)
    sparks: traitlets.Dict[str, Any] = traitlets.Dict().tag(sync=True)
    download: traitlets.Dict[str, Any] = traitlets.Dict().tag(sync=True)
    looks: traitlets.Dict[str, Any] = traitlets.Dict().tag(sync=True)
    said: traitlets.Unicode[str, str | bytes] = traitlets.Unicode().tag(sync=True)
    live: traitlets.Bool[bool, bool | int] = traitlets.Bool(default_value=False).tag(sync=True)
    author: traitlets.Unicode[str, str | bytes] = traitlets.Unicode().tag(sync=True)

    def __init__(
        self,
        source: EventsLike,
        policy: PolicyLike = None,
        *,
        as_of: datetime | date | str | None = None,
        window: str | timedelta | None = None,
        metrics: MetricsLike = None,
        sla: SlaLike = None,
        calendar: CalendarLike = None,
        roles: RolesLike = None,
        author: str = "",
        follow: float | None = 1.0,
    ) -> None:
        if follow is not None and not follow > 0:
            raise ParameterError(Problem("follow is out of range", got=follow, expected="seconds above 0, or None"))
        self.state: ExplorerState = ExplorerState(
            source, policy, as_of=as_of, window=window, metrics=metrics, sla=sla, calendar=calendar, roles=roles
        )
        self._also: list[str] = []
        super().__init__(
            title=f"Dossiers under {self.state.policy.name}",
            author=author,
            looks=looks_of(self.state),
            live=self.state.ledger is not None and follow is not None,
            people=self._people(),
            detail=self._detail(),
            card=card_of(self.state),
        )
        self.said = self._said()
        first = self.detail["cards"][0]["metric"] if self.detail.get("cards") else None
        if first is not None:
            self.behind = self._behind(first)
        self._stop, self._interval, self._behindhand = threading.Event(), follow, False
        self._thread: threading.Thread | None = None
        self._seen = time.monotonic()
        self._follow()

    def _look(self, change: Any) -> None:
        super()._look(change)
        self._follow()

    def _follow(self) -> None:
        """Somebody looks at the widget: the ledger is followed for a while."""
        if not hasattr(self, "_stop"):
            return
        self._seen = time.monotonic()
        if self.state.ledger is None or self._interval is None or self._stop.is_set():
            return
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=_followed, args=(weakref.ref(self), self._stop, self._interval), daemon=True)
            self._thread.start()

    @property
    def following(self) -> bool:
        """Whether the ledger is followed: for a minute after it was last looked at, until `close`."""
        return not self._stop.is_set() and time.monotonic() - self._seen < _MINUTE

    def _people(self, most: int | None = None) -> dict[str, Any]:
        return people_of(self.state, self._also, most)

    def _said(self, *, live: bool | None = None) -> str:
        state, followed = self.state, self.live if live is None else live
        if state.as_of is None:
            return "No events yet." + (" The ledger is followed." if followed else "")
        follows = "; follows the ledger" if followed else ""
        ahead = f" {state.ahead}" if state.ahead else ""
        return f"{state.count()}, {span_of_time(state.window)} up to {state.as_of:%Y-%m-%d %H:%M} UTC{follows}.{ahead}"

    def _detail(self) -> dict[str, Any]:
        state = self.state
        if state.actor is None:
            return {}
        return detail_of(
            state,
            state.row,
            cards=state.cards,
            verdict=state.verdict,
            standing=state.standing,
            series=state.series,
            reliance=reliance_of(state),
            reasons=state.reasons,
        )

    def _behind(self, metric: str, most: int = _ROWS, page: int = 0, *, hits: bool = False) -> dict[str, Any]:
        return behind_of(self.state, metric, most, page, hits=hits)

    def _show(self) -> None:
        """Everything anew, at once."""
        people, detail, said = self._people(), self._detail(), self._said()
        metric = self.behind.get("metric")
        with self.hold_sync():
            self.people, self.said = people, said
            if metric is not None and metric in {card["metric"] for card in detail.get("cards", [])}:
                self.behind = self._behind(metric, page=self.behind.get("page", 0), hits=bool(self.behind.get("hits")))
            self.detail = detail
            self.beside, self.sparks, self.line, self.looks = {}, {}, {}, looks_of(self.state)

    def refresh(self) -> int:
        """Take in and show what was recorded in the ledger since; returns how many events."""
        with self._busy:
            count = self.state.refresh()
            self._behindhand = self._behindhand or count > 0  # until it was shown
            if self._behindhand:
                self._show()
                self._behindhand = False
            return count

    def close(self) -> None:
        """Stop following the ledger, and take the widget away."""
        if hasattr(self, "_stop"):
            self._stop.set()
        super().close()

    # -- what the front end asks for ---------------------------------------------------------------------------------------------

    def _answer(self, asked: dict[str, Any]) -> None:
        if "pick" in asked:
            self.state.pick(asked["pick"])
            detail = self._detail()
            names = [card["metric"] for card in detail["cards"]]
            metric = asked.get("metric") if asked.get("metric") in names else next(iter(names), None)
            with self.hold_sync():
                self.behind = self._behind(metric) if metric is not None else {}
                self.detail = detail
        elif "behind" in asked:
            self._mine(asked)
            self.behind = self._behind(asked["behind"], page=asked.get("page", 0), hits=bool(asked.get("hits")))
        elif "plan" in asked:
            self._mine({"of": asked["plan"]})
            self._start(asked.get("by", ""), asked.get("days", 60))
        elif "audits" in asked:
            self._mine({"of": asked["audits"]})
            self.audits = dict(audits_of(self.state, asked.get("n", 30), asked.get("seed", 0)))
        elif "line" in asked:
            self._mine(asked)
            unit, frame = self.state.metrics[asked["line"]].unit, counted_series(self.state, asked["line"])
            self.line = {"actor": self.state.actor, "metric": asked["line"], **line_of(frame, unit)}
        elif "beside" in asked:
            self._mine(asked)
            self.beside = beside(self.state, asked["beside"])
        else:
            self._ask_board(asked)

    def _mine(self, asked: dict[str, Any]) -> None:
        """What is asked about the open dossier is not answered about another one."""
        if asked.get("of", self.state.actor) != self.state.actor:
            raise ParameterError(Problem("another dossier is open", got=asked["of"], expected=self.state.actor))

    def _ask_board(self, asked: dict[str, Any]) -> None:
        """What is asked of the table: other numbers, another window or moment, small series, a file."""
        if "look" in asked:
            self.state.look(asked["look"].get("window"), asked["look"].get("as_of") or None)
            self.card = card_of(self.state)
            self._show()
        elif "column" in asked:
            self._also = list(dict.fromkeys([*self._also, asked["column"]]))
            self.people = self._people()
        elif "sparks" in asked:
            self.sparks = sparks_of(self.state, asked["sparks"], asked["actors"])
        elif "file" in asked:
            table = seen(self.state.board, asked["actors"], columns_of(self.state, self._also))
            self.download = {"name": f"dossiers.{asked['file']}", "data": as_file(table, asked["file"]), "at": asked.get("at", 0)}

    def _start(self, by: str, days: int) -> None:
        plan = self.state.draft(days)
        if self.state.ledger is None:
            said = "A draft: these events are no ledger, so nothing is recorded. Save it, or open the explorer on a ledger."
        else:
            name = self.state.start_plan(by, days)
            waits = name in set(self.state.waiting)
            sign = f"aura hr approve {name} --approver NAME --reason WHY --ledger {shlex.quote(self.state.ledger.url)}"
            held = f"It is a proposal: it holds when somebody else signs it: {sign}" if waits else "It is in force."
            said = f"Recorded as {name}. {held}"
        self._show()
        self.plan: dict[str, Any] = plan_of(plan, said, self.state.metrics)

    # -- without a kernel, without a notebook ------------------------------------------------------------------------------------

    def sentence(self) -> str:
        """What the widget shows, in words."""
        return self.state.sentence()

    def picture(self) -> bytes:
        """Everybody with their intervals, as a PNG picture: override rates, or success where nobody decides."""
        return picture_of(self.state)

    def export_html(
        self, path: str | Path, *, most: int = 50, rows: int = 40, progress: Callable[[int, int], None] | None = None
    ) -> Path:
        """Write the explorer as one page that works from a file, without a kernel or a network.

        Parameters
        ----------
        path
            File to write.
        most
            Actors with their whole dossier in it, at least 1, the gravest verdicts first; the page says how many there are besides.
            Each takes about 20 kB.
        rows
            Observations behind every number, at least 1, the latest ones.
        progress
            Called with how many dossiers are written, and how many there will be.
        """
        for name, given in (("most", most), ("rows", rows)):
            if isinstance(given, bool) or not isinstance(given, int) or given < 1:
                raise ParameterError(Problem(f"{name} is out of range", got=given, expected="a whole number from 1"))
        with self._busy:
            people = self._people(most)
            for arrays in people["arrays"].values():
                arrays.update({name: base64.b64encode(packed).decode() for name, packed in arrays.items()})
            opened = self.state.actor if self.state.actor in people["actors"] else next(iter(people["actors"]), None)
            state = {
                "people": people,
                "detail": {},
                "behind": {},
                "plan": {},
                "audits": {},
                "beside": {},
                "sparks": {},
                "line": {},
                "download": {},
                "looks": self.looks,
                "card": self.card,
                "said": self._said(live=False),
                "author": "",
                "live": False,
                "here": 0,
                "heard": 0,
                "answered": 0,
                "opened": opened,
            }
            pages = pages_of(self.state, people["actors"], rows, progress)
            return self._page(path, "explorer", state, pages, foot_of(self.state))


def _followed(ref: weakref.ref[DossierExplorer], stop: threading.Event, interval: float) -> None:
    """Look at the ledger again and again, as long as the widget is there."""
    while not stop.wait(interval):
        view = ref()
        if view is None or not view.following:
            return
        try:
            view.refresh()
            if view.failed.get("followed") and not view.state.behindhand:
                view.failed = {}
        except Exception as error:  # noqa: BLE001  (said in the widget; the next look may do better)
            view.failed = {"text": f"the ledger cannot be followed: {type(error).__name__}: {error}", "followed": True}
        del view
