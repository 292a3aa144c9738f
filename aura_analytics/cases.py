"""From events to cases: who decided, who closed what and how long it took, whom a rating is about.

`build` turns an event table into four small tables of facts, one row per act, that the metrics then count. Only what is about
the actor and the window is kept; the joins over whole histories happen here and nowhere else.

How a case is followed
    Its clock starts when it is assigned (`ASSIGNED`; the last assignment before it was resolved), or when it was opened if
    nobody was ever assigned. It ends at the last `RESOLVED`. A case whose last assignment comes after its last resolution is
    open again. A case counts in the window in which it is resolved, whenever it began.

Cases are matched by two independent 64-bit hashes of their id (a chance of collision below 1e-24 at ten million cases);
everything downstream is integers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Literal

import numpy as np
import polars as pl

from aura_analytics.errors import Problem, SchemaError
from aura_analytics.events import SCHEMA, VERDICT_TYPES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aura_analytics.calendars import Calendar

__all__ = ["Attribution", "Facts", "Options", "build", "check_schema"]

Attribution = Literal["last_decider", "event_actor", "all_deciders"]
Holding = Literal["closer", "holder"]

_START, _ASSIGNED, _PAUSED, _RESUMED, _RESOLVED = ("OPENED", "ASSIGNED", "PAUSED", "RESUMED", "RESOLVED")
_TS = SCHEMA["ts"]
_FACT_SCHEMAS: dict[str, dict[str, pl.DataType]] = {
    "decisions": {
        "actor": pl.String(), "actor_kind": SCHEMA["actor_kind"], "ts": _TS, "case_id": pl.String(), "queue": pl.String(),
        "override": pl.Boolean(), "agent": pl.String(), "ai_recommendation": pl.String(), "human_verdict": pl.String(),
        "answered": pl.Boolean(), "right": pl.Boolean(), "final": pl.Boolean(),
    },
    "handled": {"actor": pl.String(), "actor_kind": SCHEMA["actor_kind"], "ts": _TS, "elapsed": pl.Int64()},
    "open": {"actor": pl.String(), "actor_kind": SCHEMA["actor_kind"], "ts": _TS, "elapsed": pl.Int64()},
    "ratings": {"actor": pl.String(), "ts": _TS, "value": pl.Float64()},
    "evaluations": {"actor": pl.String(), "actor_kind": SCHEMA["actor_kind"], "ts": _TS, "value": pl.Float64()},
    "outcomes": {"actor": pl.String(), "actor_kind": SCHEMA["actor_kind"], "ts": _TS, "outcome": pl.String()},
    "cohort": {
        "actor": pl.String(), "queue": pl.String(), "start": pl.Int64(), "end": pl.Int64(), "elapsed": pl.Int64(),
        "ended": pl.Boolean(),
    },
}  # fmt: skip


@dataclass(frozen=True)
class Options:
    """How cases are attributed and timed.

    Parameters
    ----------
    attribution
        Whom a rating that names no actor is about: the last to decide its case before it (`last_decider`), everyone who did
        (`all_deciders`), or nobody (`event_actor`).
    holding
        Whose time a handed-over case is: `closer` gives it to who resolved it, from their assignment on; `holder` gives
        everyone the time that they held it.
    calendar
        Business hours that elapsed time is counted in; None counts every hour.
    """

    attribution: Attribution = "last_decider"
    holding: Holding = "closer"
    calendar: Calendar | None = None

    def __post_init__(self) -> None:
        from aura_analytics.errors import ParameterError

        for name, allowed in (("attribution", Attribution.__args__), ("holding", Holding.__args__)):  # type: ignore[attr-defined]
            if getattr(self, name) not in allowed:
                raise ParameterError(Problem(f"unknown {name}", got=getattr(self, name), expected=" or ".join(allowed)))


@dataclass
class Facts:
    """What happened, as far as dossiers count it: one table per kind of fact, every row inside the window.

    Attributes
    ----------
    decisions
        Verdicts on recommendations: actor, ts, case_id, `override`, the recommending agent and both words; `answered` when the
        citizen rated the case, `right` when an adjudication or outcome says the verdict was (null while nobody said), `final`
        for the actor's last verdict on a recommendation.
    handled
        Cases resolved in the window: actor, ts of the end, `elapsed` (microseconds, null where no start is known).
    open
        Cases held and not resolved at `as_of`: actor, ts of the start, elapsed so far.
    ratings
        Stars with the actor they are about; null actor where nobody could be found.
    evaluations, outcomes
        Scores, and what became of an actor's work.
    cohort
        Cases whose clock started in the window, for the SLA: start and end (microseconds since 1970), elapsed on the calendar
        and without pauses (censored where not `ended`), queue.
    """

    as_of: datetime
    since: datetime | None
    decisions: pl.DataFrame = field(default_factory=lambda: _empty("decisions"))
    handled: pl.DataFrame = field(default_factory=lambda: _empty("handled"))
    open: pl.DataFrame = field(default_factory=lambda: _empty("open"))
    ratings: pl.DataFrame = field(default_factory=lambda: _empty("ratings"))
    evaluations: pl.DataFrame = field(default_factory=lambda: _empty("evaluations"))
    outcomes: pl.DataFrame = field(default_factory=lambda: _empty("outcomes"))
    cohort: pl.DataFrame = field(default_factory=lambda: _empty("cohort"))

    def table(self, name: str) -> pl.DataFrame:
        """A table of facts by its name."""
        found = getattr(self, name)
        assert isinstance(found, pl.DataFrame)
        return found


def _empty(name: str) -> pl.DataFrame:
    return pl.DataFrame(schema=_FACT_SCHEMAS[name])


def check_schema(events: pl.LazyFrame | pl.DataFrame) -> pl.LazyFrame:
    """The events as a lazy frame; `SchemaError` when they are not on the contract."""
    lazy = events.lazy()
    schema = lazy.collect_schema()
    problems = [
        Problem(f"column {name!r} " + ("is missing" if name not in schema else "has the wrong type"),
                got=str(schema[name]) if name in schema else None, expected=str(dtype),
                next="read_events, import_log and events.validate give tables on the contract")
        for name, dtype in SCHEMA.items() if schema.get(name) != dtype
    ]  # fmt: skip
    if problems:
        raise SchemaError("these are not events", problems=problems)
    return lazy


def _collect(frame: pl.LazyFrame) -> pl.DataFrame:
    return frame.collect(engine="streaming")


def build(
    events: pl.LazyFrame,
    as_of: datetime,
    since: datetime | None,
    needs: dict[str, set[str]],
    options: Options | None = None,
    *,
    partitions: int = 1,
) -> Facts:
    """The facts of a window.

    Parameters
    ----------
    events
        Events on the contract.
    as_of, since
        The window `(since, as_of]`; `since` None is the whole log. Nothing after `as_of` is looked at.
    needs
        Which tables to build, and which of their columns somebody reads.
    options
        Attribution and timing.
    partitions
        Split the joins over cases into this many passes over the events, to bound memory. The result is the same.
    """
    chosen = options or Options()
    facts = Facts(as_of, since)
    past = events.filter(pl.col("ts") <= as_of)
    window = past if since is None else past.filter(pl.col("ts") > since)
    if "decisions" in needs:
        facts.decisions = _decisions(past, window, needs["decisions"])
    if "evaluations" in needs:
        facts.evaluations = _last_scores(past, window, since)
    if "outcomes" in needs:
        named = window.filter((pl.col("type") == "OUTCOME") & pl.col("actor").is_not_null())
        facts.outcomes = _collect(named.select(list(_FACT_SCHEMAS["outcomes"])))
    wanted = {"handled", "open", "ratings", "outcomes", "cohort"} & set(needs)
    if wanted:
        parts = [_case_facts(past, facts, wanted, chosen, part, partitions) for part in range(partitions)]
        for name in wanted:
            tables = [part[name] for part in parts if part[name].height]
            own = [facts.table(name)] if name == "outcomes" else []
            setattr(facts, name, pl.concat([*own, *tables]) if own or tables else _empty(name))
    return facts


# -- facts that need no case -----------------------------------------------------------------------------------------------


def _decisions(past: pl.LazyFrame, window: pl.LazyFrame, columns: set[str]) -> pl.DataFrame:
    plain = [name for name in _FACT_SCHEMAS["decisions"] if name in columns and name in SCHEMA]
    keep = list(dict.fromkeys(["actor", "actor_kind", "ts", *plain]))
    if columns & {"answered", "right", "final"} and "case_id" not in keep:
        keep.append("case_id")
    if columns & {"right", "final"}:
        keep = list(dict.fromkeys([*keep, "ai_recommendation", "human_verdict"]))
    verdicts = window.filter(pl.col("type").is_in(list(VERDICT_TYPES)))
    table = _collect(verdicts.select(*keep, override=pl.col("type") == "OVERRIDE"))
    if "answered" in columns:
        rated = _collect(window.filter(pl.col("type") == "SAT_SCORE").select(pl.col("case_id").drop_nulls().unique()))
        table = table.with_columns(answered=pl.col("case_id").is_in(rated["case_id"].implode()).fill_null(value=False))
    if "right" in columns:
        table = _with_truth(table, past)
    return _with_final(table) if "final" in columns else table


def _with_final(decisions: pl.DataFrame) -> pl.DataFrame:
    """Add `final`: the actor's last verdict on this recommendation of this case; at one instant, an override is the last."""
    named = pl.col("case_id").is_not_null() & pl.col("ai_recommendation").is_not_null()
    repeated = decisions.with_row_index("row").filter(named & pl.col("case_id").is_duplicated())
    suggestion = ["actor", "case_id", "ai_recommendation"]
    last = repeated.sort("ts", "override", "human_verdict").unique(suggestion, keep="last")["row"]
    superseded = np.zeros(decisions.height, dtype=bool)
    superseded[repeated["row"].to_numpy()] = True
    superseded[last.to_numpy()] = False
    return decisions.with_columns(final=named & ~pl.Series(superseded))


def _with_truth(decisions: pl.DataFrame, past: pl.LazyFrame) -> pl.DataFrame:
    """Add `right`: what the last adjudication of the case, or else its last outcome, says of the verdict."""
    said = past.filter(pl.col("type").is_in(["ADJUDICATION", "OUTCOME"]) & pl.col("outcome").is_not_null())
    rank = pl.col("type") == "ADJUDICATION"
    words = pl.col("outcome").is_in(decisions["human_verdict"].unique().implode()) | pl.col("outcome").is_in(
        decisions["ai_recommendation"].unique().implode()
    )
    truth = _collect(said.filter(words).select("case_id", "ts", "outcome", rank=rank))
    last = truth.sort("case_id", "rank", "ts", "outcome").unique("case_id", keep="last").select("case_id", truth="outcome")
    judged = decisions.join(last, on="case_id", how="left")
    right = pl.when(pl.col("truth") == pl.col("human_verdict")).then(True).when(
        pl.col("truth") == pl.col("ai_recommendation")).then(False)  # fmt: skip
    return judged.with_columns(right=right).drop("truth")


def _last_scores(past: pl.LazyFrame, window: pl.LazyFrame, since: datetime | None, k: int = 10) -> pl.DataFrame:
    """The last `k` scores of every actor up to `as_of`, however old; of equal times the higher score is the later."""

    def last(frame: pl.LazyFrame) -> pl.DataFrame:
        of_type = frame.filter((pl.col("type") == "EVALUATION") & pl.col("actor").is_not_null())
        newest = of_type.select("actor", "actor_kind", "ts", "value").group_by("actor").agg(
            pl.col("actor_kind").max(), pl.struct("ts", "value").top_k(k).alias("last"), n=pl.len())  # fmt: skip
        return _collect(newest)

    table = last(window)
    if since is not None:
        # only actors with fewer than k scores in the window need the log before it
        counts = _collect(past.filter(pl.col("type") == "EVALUATION").group_by("actor").agg(total=pl.len()))
        full = counts.join(table.select("actor", "n"), on="actor", how="left")
        short = full.filter(pl.col("n").fill_null(0) < pl.min_horizontal(pl.lit(k), pl.col("total")))["actor"]
        if short.len():
            older = last(past.filter(pl.col("actor").is_in(short.implode())))
            table = pl.concat([table.filter(~pl.col("actor").is_in(short.implode())), older])
    rows = table.drop("n").explode("last").unnest("last")
    return rows.select(list(_FACT_SCHEMAS["evaluations"]))


# -- facts that follow cases ---------------------------------------------------------------------------------------------


class _Log:
    """The rows of one partition that follow cases, as arrays."""

    def __init__(self, table: pl.DataFrame) -> None:
        self.table = table
        self.ts: NDArray[np.int64] = table["ts"].to_physical().to_numpy()
        self.g = table["g"].to_numpy()
        self.thin = table.select("type", "h").with_row_index("row")

    def rows(self, *types: str) -> pl.DataFrame:
        """`row` and `h` of the rows of some types that have a case."""
        return self.thin.filter(pl.col("type").is_in(list(types)) & pl.col("h").is_not_null()).select("row", "h")

    def pairs(self, left: pl.DataFrame, right: pl.DataFrame) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Positions in `left` and `right` of all pairs of rows of the same case."""
        indexed = left.select("h").with_row_index("i").join(right.select("h").with_row_index("j"), on="h")
        i, j = indexed["i"].to_numpy().astype(np.int64), indexed["j"].to_numpy().astype(np.int64)
        same = self.g[left["row"].to_numpy()[i]] == self.g[right["row"].to_numpy()[j]]
        return (i, j) if same.all() else (i[same], j[same])

    def times(self, rows: pl.DataFrame) -> NDArray[np.int64]:
        return self.ts[rows["row"].to_numpy()]

    def gather(self, column: str, rows: NDArray[np.int64]) -> pl.Series:
        return self.table[column].gather(rows)


def _load(past: pl.LazyFrame, facts: Facts, wanted: set[str], options: Options, part: int, of: int) -> _Log:
    types: list[str] = []
    timed = bool(wanted & {"handled", "open", "cohort"})
    if timed:
        types += [_START, _ASSIGNED, _PAUSED, _RESUMED, _RESOLVED]
    condition = pl.col("type").is_in(types)
    inside = pl.lit(value=True) if facts.since is None else pl.col("ts") > facts.since
    nameless = pl.col("actor").is_null() | (pl.col("actor_kind") == "citizen").fill_null(value=False)
    deciders = False
    if "ratings" in wanted:
        condition |= (pl.col("type") == "SAT_SCORE") & inside
        deciders = options.attribution != "event_actor"
    if "outcomes" in wanted:
        orphan = past.filter((pl.col("type") == "OUTCOME") & inside & pl.col("actor").is_null()).head(1)
        if part == 0 and _collect(orphan.select("ts")).is_empty():
            facts_need = False
        else:
            facts_need = True
            condition |= (pl.col("type") == "OUTCOME") & inside & pl.col("actor").is_null()
        deciders |= facts_need
    if deciders:
        condition |= pl.col("type").is_in(list(VERDICT_TYPES))
    columns: list[str | pl.Expr] = ["type", "ts", "actor", "actor_kind", pl.col("case_id").hash(11).alias("h"), pl.col("case_id").hash(97).alias("g")]
    if "ratings" in wanted:
        columns += ["value", nameless.alias("nameless")]
    if "outcomes" in wanted:
        columns.append("outcome")
    if "cohort" in wanted:
        columns.append("queue")
    frame = past.filter(condition)
    if of > 1:
        frame = frame.filter(pl.col("case_id").hash(11).fill_null(0) % of == part)
    return _Log(_collect(frame.select(columns)))


def _case_facts(
    past: pl.LazyFrame, facts: Facts, wanted: set[str], options: Options, part: int, of: int
) -> dict[str, pl.DataFrame]:
    log = _load(past, facts, wanted, options, part, of)
    found: dict[str, pl.DataFrame] = {}
    if wanted & {"handled", "open", "cohort"}:
        found |= _followed(log, facts, wanted, options)
    if "ratings" in wanted:
        found["ratings"] = _ratings(log, options)
    if "outcomes" in wanted:
        orphans = log.rows("OUTCOME") if "outcome" in log.table.columns else log.thin.head(0)
        i, row = _deciders(log, orphans, every=False)
        found["outcomes"] = pl.DataFrame(
            {
                "actor": log.gather("actor", row),
                "actor_kind": pl.Series([None] * len(i), dtype=SCHEMA["actor_kind"]),
                "ts": log.gather("ts", orphans["row"].to_numpy()[i]),
                "outcome": log.gather("outcome", orphans["row"].to_numpy()[i]),
            }
        )
    return {name: found[name] for name in wanted}


def _deciders(log: _Log, subjects: pl.DataFrame, *, every: bool) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each subject row, who decided its case before it: the last one, or every one once.

    Returns positions in `subjects` and rows of the log. Of two verdicts at the same instant the actor later in the alphabet
    counts as the later one, so that the order of rows cannot matter.
    """
    verdicts = log.rows(*VERDICT_TYPES)
    i, j = log.pairs(subjects, verdicts)
    row = verdicts["row"].to_numpy().astype(np.int64)[j]
    before = log.ts[row] <= log.times(subjects)[i]
    i, row = i[before], row[before]
    if len(np.unique(i)) == len(i):
        return i, row
    found = pl.DataFrame({"i": i, "row": row, "ts": log.ts[row], "actor": log.gather("actor", row)})
    keys = ["i", "actor"] if every else ["i"]
    last = found.sort("i", "ts", "actor", "row").unique(keys, keep="last").sort("i", "actor")
    return last["i"].to_numpy(), last["row"].to_numpy()


def _ratings(log: _Log, options: Options) -> pl.DataFrame:
    stars = log.table.with_row_index("row").filter(pl.col("type") == "SAT_SCORE")
    own = stars.filter(~pl.col("nameless")).select("actor", "ts", "value")
    rest = stars.filter(pl.col("nameless"))
    if rest.is_empty():
        return own
    if options.attribution == "event_actor":
        return pl.concat([own, rest.select(pl.lit(None, dtype=pl.String).alias("actor"), "ts", "value")])
    with_case = rest.filter(pl.col("h").is_not_null())
    i, row = _deciders(log, with_case.select("row", "h"), every=options.attribution == "all_deciders")
    found = with_case[i].select(log.gather("actor", row).alias("actor"), "ts", "value")
    missed = np.ones(with_case.height, dtype=bool)
    missed[i] = False
    lost = pl.concat([with_case.filter(pl.Series(missed)), rest.filter(pl.col("h").is_null())])
    return pl.concat([own, found, lost.select(pl.lit(None, dtype=pl.String).alias("actor"), "ts", "value")])


def _followed(log: _Log, facts: Facts, wanted: set[str], options: Options) -> dict[str, pl.DataFrame]:
    """Handled and open cases, and the cohort of the SLA."""
    spells = _by_holder(log, facts) if options.holding == "holder" else _by_closer(log, facts)
    start, end = spells["start"].to_numpy(), spells["end"].to_numpy()
    known = start >= 0
    elapsed = np.where(known, _clock(np.where(known, start, end), end, options), 0)
    elapsed -= _paused(log, spells, options)
    spells = spells.with_columns(elapsed=pl.when(pl.Series(known)).then(pl.Series(elapsed, dtype=pl.Int64)))
    floor = _micro(facts.since)
    out: dict[str, pl.DataFrame] = {}
    if "handled" in wanted:
        closed = spells.filter(pl.col("closed") & (pl.col("closed_at") > floor))
        if options.holding == "holder":
            closed = closed.group_by("case", "actor").agg(pl.col("row", "closed_at").max(), pl.col("elapsed").sum())
        kinds = log.gather("actor_kind", closed["row"].to_numpy())
        out["handled"] = closed.select("actor", kinds, pl.col("closed_at").cast(_TS).alias("ts"), "elapsed")
    if "open" in wanted:
        still = spells.filter(pl.col("open"))
        kinds = log.gather("actor_kind", still["row"].to_numpy())
        out["open"] = still.select("actor", kinds, pl.col("start").cast(_TS).alias("ts"), "elapsed")
    if "cohort" in wanted:
        began = spells.filter((pl.col("start") > floor) & (pl.col("start") >= 0))
        queues = log.gather("queue", began["row"].to_numpy())
        out["cohort"] = began.select("actor", queues.alias("queue"), "start", "end", "elapsed", ended=pl.col("resolved"))
    return out


def _micro(moment: datetime | None) -> int:
    return -1 if moment is None else int(pl.Series([moment]).cast(_TS).to_physical()[0])


def _clock(start: NDArray[np.int64], end: NDArray[np.int64], options: Options) -> NDArray[np.int64]:
    return end - start if options.calendar is None else options.calendar.business_micros(start, end)


def _last_resolution(log: _Log) -> pl.DataFrame:
    """`row`, `h` of every case's last RESOLVED; of two at one instant the actor later in the alphabet."""
    resolved = log.rows(_RESOLVED)
    if resolved["h"].n_unique() == resolved.height:
        return resolved
    rows = resolved["row"].to_numpy()
    detailed = resolved.with_columns(ts=pl.Series(log.times(resolved)), g=pl.Series(log.g[rows]), actor=log.gather("actor", rows))
    return detailed.sort("ts", "actor", "row").unique(["h", "g"], keep="last").select("row", "h")


def _by_closer(log: _Log, facts: Facts) -> pl.DataFrame:
    """One spell per case: closed cases under who closed them, open ones under who holds them.

    Columns: actor, case (row of the log that stands for it), start (-1 unknown), end, closed, closed_at, open, resolved, row.
    """
    given, resolved = log.rows(_ASSIGNED), _last_resolution(log)
    start, holder, again, left_open = _starts(log, resolved, given)
    unknown = np.flatnonzero((start < 0) & ~again)
    if len(unknown):
        opened = log.rows(_START)
        late_start, _, late_again, _ = _starts(log, resolved[unknown], opened)
        start[unknown], again[unknown] = late_start, late_again
    rows = resolved["row"].to_numpy().astype(np.int64)
    done = ~again
    actor = log.gather("actor", rows)
    if actor.null_count():
        fallback = log.gather("actor", np.where(holder >= 0, holder, 0)).zip_with(
            pl.Series(holder >= 0), pl.Series([None] * len(rows), dtype=pl.String))  # fmt: skip
        actor = actor.zip_with(actor.is_not_null(), fallback)
    ends = log.ts[rows]
    closed = pl.DataFrame({"actor": actor, "row": rows, "start": start, "end": ends, "closed_at": ends}).filter(pl.Series(done))
    closed = closed.with_columns(closed=pl.lit(value=True), open=pl.lit(value=False), resolved=pl.lit(value=True))
    waiting = _open_spells(log, facts, given, left_open)
    return pl.concat([closed, waiting.select(closed.columns)]).with_columns(case="row")


def _starts(
    log: _Log, resolved: pl.DataFrame, begun: pl.DataFrame
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_]]:
    """When the work on each resolved case began.

    Returns, per resolution: the time of the last beginning not after it (-1: none), that row, and whether the case began again
    later; and, per beginning, whether it was left open (never resolved, or after the last resolution).
    """
    i, j = log.pairs(begun, resolved)
    began_rows = begun["row"].to_numpy().astype(np.int64)
    began, ended = log.ts[began_rows], log.times(resolved)
    after = began[i] > ended[j]
    again = np.zeros(resolved.height, dtype=bool)
    again[j[after]] = True
    left_open = np.ones(begun.height, dtype=bool)
    left_open[i[~after]] = False
    i, j = i[~after], j[~after]
    start = np.full(resolved.height, -1, dtype=np.int64)
    row = np.full(resolved.height, -1, dtype=np.int64)
    order = np.argsort(began[i], kind="stable") if np.bincount(j, minlength=1).max(initial=0) > 1 else slice(None)
    start[j[order]] = began[i][order]
    row[j[order]] = began_rows[i][order]
    return start, row, again, left_open


def _open_spells(log: _Log, facts: Facts, given: pl.DataFrame, left_open: NDArray[np.bool_]) -> pl.DataFrame:
    held = given.filter(pl.Series(left_open))
    rows = held["row"].to_numpy().astype(np.int64)
    spells = pl.DataFrame({"actor": log.gather("actor", rows), "row": rows, "start": log.ts[rows], "h": held["h"], "g": log.g[rows]})
    spells = spells.sort("start", "actor", "row").unique(["h", "g"], keep="last", maintain_order=True)
    return spells.with_columns(
        end=pl.lit(_micro(facts.as_of)), closed_at=pl.lit(-1, dtype=pl.Int64), closed=pl.lit(value=False),
        open=pl.lit(value=True), resolved=pl.lit(value=False),
    )  # fmt: skip


def _by_holder(log: _Log, facts: Facts) -> pl.DataFrame:
    """One spell per assignment, from it to the next one, the resolution, or `as_of`; columns as `_by_closer`."""
    given, resolved = log.rows(_ASSIGNED), _last_resolution(log)
    rows = given["row"].to_numpy().astype(np.int64)
    ends = pl.DataFrame({"h": resolved["h"], "g": log.g[resolved["row"].to_numpy()], "over": log.times(resolved)})
    spells = pl.DataFrame({"actor": log.gather("actor", rows), "row": rows, "start": log.ts[rows], "h": given["h"], "g": log.g[rows]})
    spells = spells.sort("h", "g", "start", "actor", "row").join(ends, on=["h", "g"], how="left", maintain_order="left")
    case = ["h", "g"]
    spells = spells.with_columns(
        following=pl.col("start").shift(-1).over(case),
        last=pl.col("start").max().over(case),
        case=pl.col("row").first().over(case),
    )
    now = pl.lit(_micro(facts.as_of))
    live_over = pl.when(pl.col("over") >= pl.col("start")).then(pl.col("over"))
    spells = spells.with_columns(
        end=pl.min_horizontal(pl.col("following"), live_over, now),
        closed=(pl.col("over") >= pl.col("last")).fill_null(value=False),
        resolved=(live_over.is_not_null() & (pl.col("following").is_null() | (pl.col("following") > pl.col("over")))),
    )
    spells = spells.with_columns(
        open=pl.col("following").is_null() & ~pl.col("closed"),
        closed_at=pl.when(pl.col("closed")).then(pl.col("over")).otherwise(-1),
    )
    columns = ["actor", "row", "start", "end", "closed_at", "closed", "open", "resolved", "case"]
    never = _by_closer(log, facts)
    started = set(spells.select("h").to_series().to_list())
    hashes = pl.Series(log.table["h"].gather(never["row"].to_numpy()))
    unassigned = never.filter(~hashes.is_in(list(started)))
    return pl.concat([spells.select(columns), unassigned.select(columns)])


def _paused(log: _Log, spells: pl.DataFrame, options: Options) -> NDArray[np.int64]:
    """Time inside each spell during which its case was paused."""
    total = np.zeros(spells.height, dtype=np.int64)
    marks = log.rows(_PAUSED, _RESUMED)
    if marks.is_empty():
        return total
    rows = marks["row"].to_numpy()
    marks = marks.with_columns(
        ts=pl.Series(log.ts[rows]), g=pl.Series(log.g[rows]), stop=log.table["type"].gather(rows) == _PAUSED
    ).sort("h", "g", "ts", "stop")
    case = ["h", "g"]
    # a second PAUSED while paused, and a RESUMED while running, change nothing
    marks = marks.filter(pl.col("stop") != pl.col("stop").shift(1).over(case).fill_null(value=False))
    marks = marks.with_columns(until=pl.col("ts").shift(-1).over(case).fill_null(2**62)).filter(pl.col("stop"))
    subjects = pl.DataFrame({"row": spells["row"], "h": log.table["h"].gather(spells["row"].to_numpy())})
    i, j = log.pairs(subjects, marks.select("row", "h"))
    start, end = spells["start"].to_numpy()[i], spells["end"].to_numpy()[i]
    low = np.maximum(start, marks["ts"].to_numpy()[j])
    high = np.minimum(end, marks["until"].to_numpy()[j])
    real = (high > low) & (start >= 0)
    np.add.at(total, i[real], _clock(low[real], high[real], options))
    return total
