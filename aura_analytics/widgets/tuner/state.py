"""The state of a threshold tuner: set a threshold, read who is affected and how often the rule would be wrong. No front end is
needed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from aura_analytics.cases.extent import last_work
from aura_analytics.clock.calendars import CalendarLike
from aura_analytics.clock.sla import SlaLike
from aura_analytics.clock.times import parse_as_of, parse_span
from aura_analytics.dossier.board import count_of, dossiers
from aura_analytics.errors import ParameterError, Problem
from aura_analytics.io.front_door import EventsLike
from aura_analytics.metrics.units import unit_of
from aura_analytics.outputs import written_text
from aura_analytics.rules import engine
from aura_analytics.rules.control import held_back
from aura_analytics.rules.editing import named, replaced, shaped
from aura_analytics.rules.grammar import All, Condition, Leaf, comparisons
from aura_analytics.rules.numbers import Board
from aura_analytics.rules.policy import Policy, PolicyLike, as_policy
from aura_analytics.rules.roles import RolesLike, as_roles
from aura_analytics.simulation.readings import is_direct
from aura_analytics.simulation.scenario import Scenario, ScenarioLike, as_scenario
from aura_analytics.widgets.shared.setting import Setting, checked
from aura_analytics.widgets.shared.sources import source_of
from aura_analytics.widgets.tuner.error_bank import ErrorBank
from aura_analytics.widgets.tuner.policy_file import policy_file
from aura_analytics.widgets.tuner.threshold_grid import count_grid

if TYPE_CHECKING:
    from numpy.typing import NDArray


__all__ = ["TunerState"]

WHOLE_NUMBERS = ("min_n", "k", "m")
WHOLE = "all"  # the window that is no window
LEVELS = (0.8, 0.9, 0.95, 0.975, 0.99, 0.995)
WORLDS = 40
WINDOWS = ("30d", "60d", "90d", "180d", "365d", WHOLE)
_CURVE = ("false_flags", "missed", "false_per_100", "missed_per_100")


class TunerState:
    """A policy over dossiers, with every threshold free to move.

    Parameters
    ----------
    source
        Whatever holds events (see `aura.as_events`), or a dossier frame (then the window cannot be changed).
    policy
        Where the thresholds begin, and what is compared with: a `Policy`, the name of a shipped one, or a file; default
        `Policy.default()`.
    as_of
        Moment of the dossiers; default the last event that is work (what HR does moves nothing).
    windows
        Windows to choose from; `all` is the whole log.
    sla, calendar, roles
        As in `aura.dossiers`; default roles are those that the policy declares.
    scenario
        A world in which errors are counted; of a `SimulationRun` its own.
    worlds, seed
        How many of these worlds are played, and which.

    Examples
    --------
    >>> import aura_analytics as aura
    >>> state = TunerState(aura.events.sample(400, seed=1), "evidence_gated")
    >>> before = state.flagged
    >>> state.set("pip.override_rate.threshold", 0.1)
    >>> set(before) <= set(state.flagged)
    True
    """

    def __init__(
        self,
        source: EventsLike,
        policy: PolicyLike = None,
        *,
        as_of: datetime | str | None = None,
        windows: Iterable[str] = WINDOWS,
        scenario: ScenarioLike | None = None,
        worlds: int = WORLDS,
        seed: int = 0,
        sla: SlaLike = None,
        calendar: CalendarLike = None,
        roles: RolesLike = None,
    ) -> None:
        self.saved: Policy = as_policy(policy)
        self._at_most = {rule.id: rule.at_most for rule in self.saved.spec.rules}
        if any(rule.clear_when is not None for rule in self.saved.spec.rules):
            raise ParameterError(
                Problem("a policy with clear_when depends on its own past flags, and cannot be tuned", got=self.saved.name)
            )
        opened = source_of(source)
        self._truth: dict[str, bool] | None = None
        if opened.run is not None:
            actors = opened.run.truth.actors
            self._truth = dict(actors.filter(pl.col("actor_kind") == "officer").select("actor", "bad").rows())
            scenario = opened.run.scenario if scenario is None else scenario
        self._origin = opened.origin
        self._events = None if "as_of" in opened.events.collect_schema() else opened.events
        timing = count_of(self.saved, sla=sla, calendar=calendar).timing
        self._options: dict[str, Any] = {
            **timing,
            "roles": as_roles(roles) or self.saved.roles,
        }
        self._boards: dict[tuple[str | None, int], Board] = {}
        self._window: str | None = self.saved.spec.window
        self._as_of = None if as_of is None else parse_as_of(as_of)
        if self._events is None:
            if self.saved.spec.persistence is not None and self.saved.spec.persistence.m > 1:
                raise ParameterError(
                    Problem("persistence needs the events: a frame of dossiers is one reading", got=self.saved.name)
                )
            board = opened.events.collect()
            if self._options["roles"]:
                given = self._options["roles"]
                role = pl.col("actor").replace_strict(list(given), list(given.values()), default=None, return_dtype=pl.String)
                board = board.with_columns(role=role)
            self._boards[self._window, 0] = self._warmed(Board(board))
        else:
            self._as_of = self._as_of or last_work(self._events)
            if self._as_of is None:
                raise ParameterError(Problem("there are no events to tune on"))
            late = [one.name for one in self.saved.reads if one.needs_sla]
            if late and timing["sla"] is None:
                raise ParameterError(
                    Problem(f"the policy reads {', '.join(late)}, and no limit is given", next="say sla='48h', for instance")
                )
        anytime = any(leaf.anytime is not None for rule in self.saved.spec.rules for leaf in comparisons(rule.when))
        offered = [WHOLE] if anytime else [*windows, self._window or WHOLE]
        self._windows = tuple(dict.fromkeys(offered)) if self._events is not None else ()
        self._heard: list[Callable[[], None]] = []
        self._rules, self._k, self._m = self._saved()
        self._scenario = None if scenario is None else as_scenario(scenario)
        self._worlds, self._seed = worlds, seed
        self._bank: dict[tuple[str | None, int], ErrorBank] = {}
        self._saved_errors: dict[str, float] | None = None
        self._compute()

    # -- settings ------------------------------------------------------------------------------------------------------------

    @property
    def settings(self) -> list[Setting]:
        """Everything that can be set, with its range."""
        found = []
        saved = {f"{rule.id}.{place}": leaf for rule in self.saved.spec.rules for place, leaf in named(rule.when)}
        most = max(6, self.saved.spec.persistence.m if self.saved.spec.persistence else 1)
        for key, leaf in self._leaves():
            kind = leaf.kind
            title = (f"{key.split('.')[0]}: " if len(self._rules) > 1 else "") + (kind.title or leaf.metric)
            title += f" ({key.split('#')[1]})" if "#" in key else ""  # another comparison of the same rule with the same number
            found += _thresholds(key, title, leaf, saved[key])
            found.append(
                Setting(f"{key}.min_n", f"{title}, observations at least", "", 0, max(100, 2 * saved[key].min_n), 1, leaf.min_n)
            )
            if leaf.limit is not None:
                levels = tuple(sorted({*LEVELS, saved[key].confidence}))
                found.append(
                    Setting(f"{key}.confidence", f"{title}, confidence", "", levels[0], levels[-1], 0, leaf.confidence, levels)
                )
        if self._windows:
            found.append(Setting("window", "Window", "", 0, 0, 0, self._window or WHOLE, self._windows))
            found.append(Setting("k", "Readings that must speak, k", "", 1, most, 1, self._k))
            found.append(Setting("m", "of the last m", "", 1, most, 1, self._m))
        return found

    def set(self, key: str, value: Any) -> None:
        """Set something; what follows is computed at once.

        Raises
        ------
        ParameterError
            If there is no such setting, or the value is out of its range.
        """
        self._set(key, value)
        self._tell()

    def _set(self, key: str, value: float | str) -> None:
        checked(self.settings, key, value)
        if key == "window":
            self._window = None if value == WHOLE else str(value)
        elif key in ("k", "m"):
            setattr(self, f"_{key}", int(value))
            self._k, self._m = (min(self._k, self._m), self._m) if key == "m" else (self._k, max(self._k, self._m))
        else:
            rule, place, field = key.split(".")
            self._rules[rule] = replaced(self._rules[rule], place, field, value)
        self._compute()

    @contextmanager
    def trying(self) -> Iterator[None]:
        """Within it settings may be put as one likes; afterwards everything stands as before, and nobody hears of it."""
        kept = dict(self._rules), self._k, self._m
        try:
            yield
        finally:
            self._rules, self._k, self._m = kept
            self._compute()

    def put(self, **values: float | str) -> None:
        """Set several things by their keys without telling anybody; raises `ParameterError` as `set`."""
        for key, value in values.items():
            self._set(key, value)

    def reset(self) -> None:
        """Back to the saved policy."""
        self._rules, self._k, self._m = self._saved()
        self._window = self.saved.spec.window
        self._compute()
        self._tell()

    def _saved(self) -> tuple[dict[str, Condition], int, int]:
        """Rules, k and m of the saved policy."""
        persistence = self.saved.spec.persistence
        return {rule.id: rule.when for rule in self.saved.spec.rules}, *((persistence.k, persistence.m) if persistence else (1, 1))

    def on_change(self, call: Callable[[], None]) -> None:
        """Have something called whenever a setting was changed."""
        self._heard.append(call)

    def _tell(self) -> None:
        for call in self._heard:
            call()

    @property
    def policy(self) -> Policy:
        """The policy as it is set."""
        spec = self.saved.spec
        rules = [rule.model_copy(update={"when": self._rules[rule.id]}) for rule in spec.rules]
        persistence = None
        if self._m > 1 or spec.persistence is not None:
            persistence = {"k": self._k, "m": self._m, "step": spec.persistence.step if spec.persistence else None}
        data = spec.model_dump(by_alias=True) | {
            "rules": [rule.model_dump(by_alias=True) for rule in rules],
            "persistence": persistence,
            "window": self._window,
            "tests": [],
        }
        return Policy(data, metrics=self.saved.catalogue)

    def comparisons(self) -> list[dict[str, Any]]:
        """The comparisons as they are set, for a front end that follows the sliders by itself.

        Returns
        -------
        list of dicts
            Per comparison `key`, `rule`, `metric`, `title`, `unit`, `formula` (of its operator, over its `settings`), `thresholds`,
            `min_n`, `missing_as`, `zero_is_missing`, `limited` (whether an interval decides), and the arrays `value`, `n`, `low`,
            `high` (limits of that interval; NaN without one), shape (actors,).
        """
        board, found = self._board(0), []
        for key, leaf in self._leaves():
            value, n, _ = board.numbers(leaf.metric)
            low = high = np.full(len(value), np.nan)
            if leaf.limit is not None:
                low, high = board.limits(leaf.kind, 2 * leaf.confidence - 1)
            found.append(
                {
                    "key": key,
                    "rule": key.split(".")[0],
                    "metric": leaf.metric,
                    "title": leaf.kind.title or leaf.metric,
                    "unit": leaf.kind.unit,
                    "formula": leaf.op.formula,
                    "settings": list(leaf.op.settings),
                    "thresholds": list(leaf.numbers),
                    "min_n": leaf.min_n,
                    "missing_as": leaf.missing_as,
                    "zero_is_missing": leaf.zero_is_missing,
                    "limited": leaf.limit is not None,
                    "value": value,
                    "n": n,
                    "low": low,
                    "high": high,
                }
            )
        return found

    def shape(self) -> list[Any]:
        """How the comparisons make rules: per rule nested lists that begin with `all` or `any`, or the key of a comparison."""
        forms = [shaped(condition, rule) for rule, condition in self._rules.items()]
        return [["watch", form] if self._at_most[rule] == "watch" else form for rule, form in zip(self._rules, forms, strict=True)]

    @property
    def silent(self) -> NDArray[np.bool_]:
        """Of whom the policy never says anything: another kind of actor, or one-sided verdicts."""
        return self._silent(self._board(0))

    def _silent(self, board: Board) -> NDArray[np.bool_]:
        spec = self.saved.spec
        return board.once("silent", lambda: engine.one_sided(board.frame, spec) | ~engine.applies(board.frame, spec))

    @property
    def plain(self) -> bool:
        """Whether a front end can follow the sliders by itself: fixed thresholds, one reading."""
        leaves = [leaf for _, leaf in self._leaves()]
        return self._m == 1 and self.saved.spec.control is None and all(leaf.numbers and leaf.anytime is None for leaf in leaves)

    def _leaves(self) -> list[tuple[str, Leaf]]:
        return [(f"{rule}.{place}", leaf) for rule, condition in self._rules.items() for place, leaf in named(condition)]

    # -- verdicts ------------------------------------------------------------------------------------------------------------

    def _board(self, back: int) -> Board:
        """Dossiers, so many steps ago."""
        key = self._window, back
        if key not in self._boards:
            assert self._events is not None and self._as_of is not None
            metrics = self.saved.reads
            past = self._as_of - back * self._step
            judged = self.saved if self.saved.spec.over_time and not back else None  # who fell silent and stays flagged is shown
            frame = dossiers(self._events, past, self._window or WHOLE, metrics=metrics, policy=judged, **self._options)
            self._boards[key] = self._warmed(Board(frame))
        return self._boards[key]

    def _warmed(self, board: Board) -> Board:
        """A board with its limits at all levels that can be chosen, so that moving to one of them takes no longer than any other
        step.
        """
        for rule in self.saved.spec.rules:
            for _, leaf in named(rule.when):
                for level in {*LEVELS, leaf.confidence} if leaf.limit is not None else ():
                    board.limits(leaf.kind, 2 * level - 1)
        return board

    @property
    def _step(self) -> timedelta:
        """Time between readings: the saved policy's, by default the window, so that no event counts twice."""
        return self._apart(self._window)

    def _apart(self, window: str | None) -> timedelta:
        saved = self.saved.spec.persistence
        return parse_span((saved.step if saved else None) or window or "30d")

    def _every(self, m: int, window: str | None) -> int:
        """Days between the readings in which errors are counted: a step where several count, otherwise 30."""
        several = m > 1 or self.saved.spec.persistence is not None
        return max(self._apart(window).days, 1) if several else 30

    def _compute(self) -> None:
        self.verdicts: NDArray[np.int8] = self._verdicts(self._rules, self._k, self._m)

    def _verdicts(self, rules: Mapping[str, Condition], k: int, m: int) -> NDArray[np.int8]:
        """Positions in `engine.VERDICTS`, one for each row of the board."""
        board = self._board(0)
        now = [self._codes(rule, condition, board) for rule, condition in rules.items()]
        if m > 1:
            mine = board.frame["actor"]
            for r, (rule, condition) in enumerate(rules.items()):
                raised = (now[r] == engine.FLAG).astype(np.int64)
                seen = raised.copy()
                for back in range(1, m):
                    past = self._board(back)
                    flags = dict(
                        zip(
                            past.frame["actor"].to_list(), (self._codes(rule, condition, past) == engine.FLAG).tolist(), strict=True
                        )
                    )
                    seen += np.array([flags.get(actor, False) for actor in mine.to_list()], dtype=np.int64)
                now[r] = np.where(
                    (raised == 1) & (seen < k), engine.WATCH, np.where((raised == 0) & (seen >= k), engine.FLAG, now[r])
                ).astype(np.int8)
        flagging = [condition for rule, condition in rules.items() if self._at_most[rule] == "flag"]
        held = held_back(self.saved.spec.control, flagging, board, np.stack(now), self._silent(board))
        return engine.gravest(np.where(held, engine.WATCH, now).astype(np.int8))

    def _codes(self, rule: str, condition: Condition, board: Board) -> NDArray[np.int8]:
        """Verdicts of one rule at one reading."""
        codes = engine.verdict_codes(engine.answer(condition, board)[0], self._at_most[rule])
        silent = self._silent(board)
        return np.where(silent, engine.INSUFFICIENT, codes).astype(np.int8)

    @property
    def actors(self) -> pl.Series:
        """Who is judged, in the order of `verdicts`."""
        return self._board(0).frame["actor"]

    @property
    def flagged(self) -> list[str]:
        """Who is flagged."""
        return self.actors.filter(pl.Series(self.verdicts == engine.FLAG)).to_list()

    @property
    def changes(self) -> pl.DataFrame:
        """Who enters and who leaves the flagged set, beside the saved policy: `actor`, `change` (`enters`, `leaves`), `reasons`."""
        return self.changed()

    def changed(self, most: int | None = None) -> pl.DataFrame:
        """`changes`, with the reasons of the first `most` only."""
        window, self._window = self._window, self.saved.spec.window if self._events is not None else self._window
        before = set(self.actors.filter(pl.Series(self._verdicts(*self._saved()) == engine.FLAG)))
        self._window = window
        after = set(self.flagged)
        rows = [(actor, "enters") for actor in sorted(after - before)] + [(actor, "leaves") for actor in sorted(before - after)]
        reasons = self._reasons({actor for actor, _ in rows[:most]})
        schema = pl.Schema({"actor": pl.String(), "change": pl.String(), "reasons": pl.List(pl.String())})
        return pl.DataFrame([(*row, reasons.get(row[0], [])) for row in rows], schema=schema, orient="row")

    def _reasons(self, actors: Collection[str]) -> dict[str, list[str]]:
        if not actors:
            return {}
        spec = self.policy.spec.model_copy(update={"persistence": None})
        frame = self._board(0).frame
        some = (
            Policy(spec, metrics=self.saved.catalogue)
            .evaluate(frame, texts="reasons")
            .filter(pl.col("actor").is_in(sorted(actors)))
        )
        return dict(some.select("actor", "reasons").rows())

    # -- how often it would be wrong -------------------------------------------------------------------------------------------

    @property
    def errors(self) -> dict[str, float] | None:
        """In the worlds of the scenario, read every step of the policy's persistence (30 days without): `false_flags` (officers who
        do well and are ever flagged) and `flags` (new ones) per officer-year, `missed` (share of those made to underperform who are
        never flagged), `detected`, `falsely` (share of those who do well who are ever flagged over all the days of the scenario),
        with limits at 95 % (`_lo`, `_hi`; exact for counts and for `falsely`, Wilson's for `missed`), NaN where there is nobody to
        count; and of 100 officers over all these days, how many are flagged wrongly (`false_per_100`) and how many should be
        flagged and never are (`missed_per_100`). None without a scenario, and of policies that look at others or at metrics that
        need the log.

        `flags` is the case load of HR: how many officers come to be flagged, per officer and year.
        """
        return self._rates(self._rules, self._k, self._m, self._window)

    @property
    def played(self) -> tuple[int, int, int]:
        """Days of the scenario in which errors are counted, how many worlds of it are played, and every how many days they are
        read; zeros without one.
        """
        every = self._every(self._m, self._window)
        return (0, 0, 0) if self._scenario is None else (self._scenario.days, self._worlds, every)

    @property
    def saved_errors(self) -> dict[str, float] | None:
        """`errors` of the saved policy."""
        if self._saved_errors is None:
            self._saved_errors = self._rates(*self._saved(), self.saved.spec.window)
        return self._saved_errors

    def _rates(self, rules: Mapping[str, Condition], k: int, m: int, window: str | None) -> dict[str, float] | None:
        alone = (
            self.saved.roles
            or self.saved.spec.control is not None
            or any(not leaf.numbers for rule in rules.values() for leaf in comparisons(rule))
        )
        if self._scenario is None or alone or not is_direct(self._scenario, self.saved.reads, self.saved.way):
            return None
        key = window, self._every(m, window)
        if key not in self._bank:
            self._bank[key] = ErrorBank(self._scenario, self.saved, *key, self._worlds, self._seed)
        bank = self._bank[key]
        return bank.rates([self._codes(rule, condition, bank.board) == engine.FLAG for rule, condition in rules.items()], k, m)

    @property
    def confusion(self) -> dict[str, int] | None:
        """Of a simulated run, officers by truth and verdict: `hit`, `false_flag`, `missed`, `right_not`; None for a real log, and
        of a policy that is not meant for officers.
        """
        if self._truth is None or "officer" not in self.saved.spec.kinds:
            return None
        flagged = set(self.flagged)
        pairs = [(bad, actor in flagged) for actor, bad in self._truth.items()]
        names = {(True, True): "hit", (False, True): "false_flag", (True, False): "missed", (False, False): "right_not"}
        return {name: sum(pair == which for pair in pairs) for which, name in names.items()}

    def curve(self, key: str, points: int = 41) -> pl.DataFrame:
        """How many are flagged, and with a scenario how often wrongly, as one threshold moves over its range.

        Parameters
        ----------
        key
            Of a threshold, or another setting that is a number.
        points
            Values of it, from its least to its most.

        Returns
        -------
        polars.DataFrame
            `value`, `flagged`, and as in `errors` `false_flags`, `missed`, `false_per_100`, `missed_per_100` (null without a
            scenario).
        """
        setting = next((one for one in self.settings if one.key == key), None)
        if setting is None or setting.choices:
            raise ParameterError(
                Problem("no threshold of that name", got=key, expected=", ".join(s.key for s in self.settings if not s.choices))
            )
        rows = []
        with self.trying():
            for value in np.linspace(setting.low, setting.high, points).round(6).tolist():
                self.put(**{key: int(value) if key.rsplit(".", 1)[-1] in WHOLE_NUMBERS else value})
                wrong = self.errors or {}
                flagged = int((self.verdicts == engine.FLAG).sum())
                rows.append({"value": value, "flagged": flagged, **{name: wrong.get(name) for name in _CURVE}})
        return pl.DataFrame(rows, schema={"value": pl.Float64, "flagged": pl.Int64, **dict.fromkeys(_CURVE, pl.Float64)})

    def costs(self, key: str, missed: float = 1.0, points: int = 41) -> pl.DataFrame:
        """What each value of a threshold costs, in false flags: `curve` with `cost`, per 100 officers over all the days of the
        scenario.

        Parameters
        ----------
        key, points
            As `curve`.
        missed
            How many false flags an officer who should be flagged and never is weighs as much as; this is yours to say.

        Raises
        ------
        ParameterError
            If there is no scenario whose truth is known, the policy's errors cannot be counted in it (it looks at others, or at
            metrics that need the log), or the weight is not positive.
        """
        if not missed > 0:
            raise ParameterError(Problem("missed is out of range", got=missed, expected="a positive number of false flags"))
        if self._scenario is None:
            raise ParameterError(
                Problem("costs need a scenario, whose truth is known", next="TunerState(events, policy, scenario=...)")
            )
        if self.errors is None:
            raise ParameterError(
                Problem(
                    "errors of this policy cannot be counted in worlds side by side",
                    got=self.saved.name,
                    next="aura.rule_error_rates plays them one by one",
                )
            )
        return self.curve(key, points).with_columns(cost=pl.col("false_per_100") + missed * pl.col("missed_per_100").fill_nan(0.0))

    def grid(self, first: str, second: str, points: int = 50, min_ns: Iterable[int] = (0, 5, 10, 20, 50)) -> NDArray[np.int64]:
        """How many are flagged by a rule of two comparisons, for every pair of thresholds and every least number of observations of
        both.

        Parameters
        ----------
        first, second
            Keys of the thresholds of one rule that asks for `all` of two comparisons.
        points
            Values of each, from its least to its most.
        min_ns
            Least numbers of observations.

        Returns
        -------
        numpy.ndarray
            Shape (points, points, len(min_ns)).
        """
        rule = first.split(".")[0]
        condition, leaves = self._rules.get(rule), dict(self._leaves())
        known = {setting.key: setting for setting in self.settings}
        if (
            not isinstance(condition, All)
            or len(condition.all) != 2
            or {f"{rule}.{p}.threshold" for p, _ in named(condition)} != {first, second}
        ):
            raise ParameterError(
                Problem("a grid needs the two thresholds of one rule with two comparisons", got=f"{first}, {second}")
            )
        board = self._board(0)
        pairs = [
            (leaves[key.removesuffix(".threshold")], np.linspace(known[key].low, known[key].high, points))
            for key in (first, second)
        ]
        return count_grid(board, self._silent(board), pairs, sorted(min_ns))

    # -- what is kept ----------------------------------------------------------------------------------------------------------

    def to_yaml(self, author: str, name: str | None = None) -> str:
        """The policy as it is set, as a file, with where it comes from: who set it, when, on which data and worlds."""
        return policy_file(self, author, name)

    @property
    def origin(self) -> str:
        """Where the events come from, until when, and over which window, in words."""
        at = "" if self._as_of is None else f" as of {self._as_of:%Y-%m-%d %H:%M} UTC, over {self._window or 'the whole log'}"
        return f"{self._origin}{at}"

    @property
    def world(self) -> tuple[Scenario, int, int] | None:
        """The scenario in which errors are counted, how many worlds of it, and their seed."""
        return None if self._scenario is None else (self._scenario, self._worlds, self._seed)

    def save(self, path: str | Path, author: str, name: str | None = None) -> Path:
        """Write `to_yaml` to a file that is not there yet."""
        return written_text(path, self.to_yaml(author, name))

    @property
    def digest(self) -> str:
        """SHA-256 of the dossiers behind the verdicts."""
        frame = self._board(0).frame
        columns = [name for name in frame.columns if not frame.schema[name].is_nested()]
        return hashlib.sha256(frame.select(columns).write_csv().encode()).hexdigest()

    def __repr__(self) -> str:
        return f"TunerState({self.saved.name!r}, {self.actors.len():,} actors, {len(self.flagged):,} flagged)"


def _thresholds(key: str, title: str, leaf: Leaf, saved: Leaf) -> list[Setting]:
    """A slider for every threshold of a comparison; none where they are taken from peers."""
    kind, found = leaf.kind, []
    for name, number, begin in zip(leaf.op.settings, leaf.numbers, saved.numbers, strict=False):
        low = kind.low or 0.0
        high = kind.high if kind.high is not None else max(2 * begin, 1.0)
        label = f"{title}, {leaf.word}" + ("" if len(leaf.op.settings) == 1 else f" ({name})")
        found.append(Setting(f"{key}.{name}", label, kind.unit, low, high, unit_of(kind.unit).step, number))
    return found
