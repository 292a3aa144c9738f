"""`AccountabilityLogger`: the decision log, and what can be learned from it.

The calls and the numbers are those of the accountability layer's document.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, Literal, overload

import polars as pl

from aura_analytics.decisions import explain as explaining
from aura_analytics.decisions.applying import apply_proposal, confirmed
from aura_analytics.decisions.as_events import to_events
from aura_analytics.decisions.checked import moment_of, now_text
from aura_analytics.decisions.learn import compare_versions, learn_from_outcomes
from aura_analytics.decisions.log import LoggedDecisions
from aura_analytics.decisions.overrides import override_record
from aura_analytics.decisions.proposals import Proposal, propose
from aura_analytics.decisions.statistics import component_counts
from aura_analytics.decisions.tables import Conditions, decision_table
from aura_analytics.errors import ParameterError, Problem
from aura_analytics.learning import anomalies as watching
from aura_analytics.learning.calibration import CalibrationReport, calibration
from aura_analytics.learning.proper_scores import Binning, Bins
from aura_analytics.learning.recalibration import Method, Recalibration, recalibrate
from aura_analytics.learning.versions import VersionComparison

__all__ = ["AccountabilityLogger"]


class AccountabilityLogger(LoggedDecisions):
    """A log of decisions, in a JSON Lines file or in a ledger's database.

    Several processes may log at once, and one that is killed loses nothing that a call has returned from.

    Parameters
    ----------
    log_file
        Path of the file, or a `Ledger` or its URL (`sqlite:///aura.db`). Default: `.claude-loop/orchestrator-decisions.jsonl`.
    sync
        Files only: whether every entry is on the disk when the call returns, so that the loss of power loses nothing either. A
        ledger always does so.
    short_ids
        Ids of 8 digits as the document shows them; of 100,000 two are the same with a chance of 69 %. Default: 32 digits.
    on_duplicate
        What a `request_id` of your own that is taken means: an `error`, or that the `first` entry stands and this one is dropped.
    rotate_bytes, rotate_age
        Files only: size of the file, or age of its first line, from which the next entry closes it and has it compressed; that one
        call takes longer. Default: never by itself (`rotate`).

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> log = AccountabilityLogger(f"{folder.name}/decisions.jsonl")
    >>> name = log.log_decision("build a login", {"complexity": 7}, {"execution_order": ["agent:security-auditor"]})
    >>> log.log_outcome(name, {"outcome_type": "success", "time_taken_seconds": 45.3})
    True
    >>> log.get_decision_statistics()["success_rate"]
    100.0
    >>> log.close(); folder.cleanup()
    """

    @overload
    def learn_from_outcomes(self, method: Literal["seed"] = "seed") -> dict[str, float]: ...
    @overload
    def learn_from_outcomes(
        self, method: Literal["shrunk"], *, prior: tuple[float, float] | None = None, confidence: float | None = None
    ) -> pl.DataFrame: ...
    @overload
    def learn_from_outcomes(
        self,
        method: Literal["adjusted"],
        *,
        covariates: list[str] | None = None,
        confidence: float | None = None,
        least: int | None = None,
        spread: float | None = None,
    ) -> pl.DataFrame: ...
    @overload
    def learn_from_outcomes(self, method: str) -> dict[str, float] | pl.DataFrame: ...
    def learn_from_outcomes(
        self,
        method: str = "seed",
        *,
        prior: tuple[float, float] | None = None,
        covariates: list[str] | None = None,
        confidence: float | None = None,
        least: int | None = None,
        spread: float | None = None,
    ) -> dict[str, float] | pl.DataFrame:
        """What outcomes suggest for the confidence in each component.

        Parameters
        ----------
        method
            `seed`: the document's multipliers, rate of the component over the rate of all, within 0.7 and 1.3, from 3 outcomes on.
            `shrunk`: rates pulled towards that of all by how few they rest on. `adjusted`: allows for what the diagnosis said of
            the task, and for the components beside it. The last two have intervals and a status, and count what served after
            overrides.
        prior
            Of `shrunk`: pseudo-counts of successes and failures.
        covariates, least, spread
            Of `adjusted`: fields of the diagnosis that are allowed for; how many outcomes a component needs; and the standard
            deviation that effects are expected to have, in log odds, above 0.
        confidence
            Of the last two: level of the intervals, in (0, 1); default 0.95.

        Returns
        -------
        dict or polars.DataFrame
            `seed`: multiplier by component. Otherwise as `aura_analytics.learning.multipliers.shrunk` or `.adjusted.adjusted`.

        Raises
        ------
        ParameterError
            For an unknown method, or an option that the method does not take.
        """
        options = {"prior": prior, "covariates": covariates, "confidence": confidence, "least": least, "spread": spread}
        return learn_from_outcomes(self, method, **options)

    def __aura_events__(self) -> pl.LazyFrame:
        """What takes events takes a decision log too."""
        return self.to_events().lazy()

    def component_outcomes(self) -> pl.DataFrame:
        """Per component: how often it was `chosen`, how many of these decisions have `outcomes`, and how many `successes`."""
        return component_counts(self.tallies(), "components")

    def learn_from_overrides(self, confidence: float = 0.95) -> pl.DataFrame:
        """Per component how often users overrode it, what became of it, and what that suggests; see `overrides.override_record`.

        Parameters
        ----------
        confidence
            Two-sided level of the intervals, in (0, 1).
        """
        lines = self.override_history()
        names = list(dict.fromkeys(str(line["overrides"]) for line in lines))
        overridden = self.table().filter(pl.col("request_id").is_in(names)) if names else decision_table([])
        counts = component_counts(self.tallies(), "components", once=True)
        return override_record(counts, lines, overridden, confidence)

    def calibration_report(
        self,
        component: str | None = None,
        *,
        bins: Bins = 10,
        binning: Binning = "equal_width",
        level: float = 0.05,
        seed: int = 0,
    ) -> CalibrationReport:
        """Whether the total confidence of decisions means anything; see `learning.calibration.calibration`.

        Parameters
        ----------
        component
            Only decisions that this component served.
        bins, binning, level, seed
            As there.
        """
        return calibration(*self._confidences(component), bins=bins, binning=binning, level=level, seed=seed)

    def recalibrate(self, component: str | None = None, method: Method = "platt", *, seed: int = 0) -> Recalibration:
        """Propose how the total confidence of decisions is to be read; see `learning.recalibration.recalibrate`.

        Parameters
        ----------
        component
            Only decisions that this component served.
        method, seed
            As there.
        """
        return recalibrate(*self._confidences(component), method, seed=seed)

    def _confidences(self, component: str | None) -> tuple[Any, Any]:
        """Confidences of decisions with outcomes, and whether they were successes."""
        found = self.table().filter(pl.col("outcome").is_not_null() & pl.col("confidence").is_not_null())
        if component is not None:
            found = found.filter(pl.col("components").list.contains(component))
        return found["confidence"].to_numpy(), (found["outcome"] == "success").to_numpy()

    def compare_versions(
        self, at: datetime | str, *, component: str | None = None, margin: float = 0.05, confidence: float = 0.95
    ) -> VersionComparison:
        """Whether decisions from a moment on end worse than those before it; see `decisions.learn.compare_versions`.

        Parameters
        ----------
        at
            The moment; a text is ISO 8601.
        component
            Only decisions that this component had a part in; None takes all.
        margin
            How much worse a success rate may be, in [0, 1].
        confidence
            Two-sided level of the intervals, in (0, 1).
        """
        border = pl.lit(moment_of(at)).cast(pl.Datetime("us", "UTC"))
        table = self.table()
        sides = table.filter(pl.col("ts") < border), table.filter(pl.col("ts") >= border)
        return compare_versions(*sides, component=component, margin=margin, confidence=confidence)

    def anomalies(
        self,
        rate: Literal["success", "override"] = "success",
        *,
        false_alarms_per_year: float = 1.0,
        chart: Literal["cusum", "ewma"] = "cusum",
    ) -> pl.DataFrame:
        """Days on which a component's rate has left what it was; see `learning.anomalies.anomalies`.

        Parameters
        ----------
        rate
            `success`: of its outcomes, on the day they were logged. `override`: of its decisions, on the day they were made.
        false_alarms_per_year, chart
            As there.

        Raises
        ------
        ParameterError
            If the rate or the chart is none that there is, or the false alarms are not positive.
        """
        if rate not in ("success", "override"):
            raise ParameterError(Problem("unknown rate", got=rate, expected="success or override"))
        table = self.table().with_columns(component=pl.col("components").list.unique())
        if rate == "success":
            day = pl.coalesce("ended", "ts").dt.date()
            ended = table.filter(pl.col("outcome").is_not_null())
            rows = ended.select("component", day=day, hit=pl.col("outcome") == "success").explode("component", empty_as_null=False)
        else:
            kept = pl.col("components").list.contains(pl.col("component"))
            decided = table.with_columns(component=pl.col("decided").list.unique()).explode("component", empty_as_null=False)
            rows = decided.select("component", day=pl.col("ts").dt.date(), hit=~kept)
        days = (
            rows.drop_nulls("day").group_by("component", "day").agg(n=pl.len().cast(pl.Int64), k=pl.col("hit").sum().cast(pl.Int64))
        )
        return watching.anomalies(days, false_alarms_per_year=false_alarms_per_year, chart=chart)

    def propose_adjustments(
        self,
        confidence_file: str | Path,
        *,
        method: Literal["adjusted", "shrunk"] = "adjusted",
        out: str | Path | None = None,
        confidence: float = 0.95,
        level: float | None = None,
    ) -> Proposal:
        """Propose changes of a file of confidences: a diff with its evidence, for review. Nothing is applied.

        Parameters
        ----------
        confidence_file
            YAML: a mapping of components to confidences, at the top or under `confidence`.
        method
            How to learn; the document's own multipliers have no intervals, and are refused.
        out
            Where to write the proposal; default nowhere.
        confidence
            Level for all components of the file together, and for all times that one asks: of files whose components do not
            differ at most `1 - confidence` are ever proposed to be changed.
        level
            Level of each component's interval instead, such as a proposal states it.

        Returns
        -------
        Proposal
            A change only where the interval excludes 1, from 10 outcomes on. The new value is the one before all approved changes
            times the multiplier (within 0.7 and 1.3): changes do not compound, and nothing is proposed twice on the same outcomes.

        Raises
        ------
        FileMissingError, FileFormatError, ParameterError
            If the file cannot be read, or `out` exists.
        """
        if method not in ("adjusted", "shrunk"):
            problem = Problem(
                "nothing can be proposed by this method",
                got=method,
                expected="adjusted or shrunk",
                next="the document's multipliers say nothing of how sure they are",
            )
            raise ParameterError(problem)
        approved = [line["approval"] for line in self.notes("approval")]
        place = Path(confidence_file).resolve()
        same = [item for item in approved if Path(str(item.get("file_path") or item.get("file"))).resolve() == place]
        last = {change["component"]: change["n"] for item in same for change in item.get("changes") or []}
        made = propose(
            confidence_file,
            lambda level: self.learn_from_outcomes(method, confidence=level),
            method=method,
            outcomes=self.get_decision_statistics()["decisions_with_outcomes"],
            confidence=confidence,
            level=level,
            log=self._store.position(),
            overrides=self.learn_from_overrides(),
            last_n=last,
        )
        if out is not None:
            made.write(out)
        return made

    def apply_adjustments(self, proposal: str | Path, approver: str, reason: str = "") -> Proposal:
        """Apply a proposal that a named person approves; the approval is logged first, and is an event (`to_events`).

        The log is read as it was then, and learned from anew: a proposal that says otherwise, or of another log, is refused. It is
        applied to the file that it was made from, and to no other.

        Parameters
        ----------
        proposal
            Its file.
        approver
            Who lets it happen, by name.
        reason
            Why, in a sentence.

        Raises
        ------
        ParameterError
            Without an approver who is a person, where the file has changed since, or the log does not say what the proposal says.
        FileMissingError, FileFormatError
            If the proposal cannot be read, or was changed.
        """
        names = [str(line["approves"]) for line in self.notes("approval")]

        def record(name: str, approval: dict[str, Any]) -> None:
            self._store.add_note({"approves": name, "approval": approval, "logged_at": now_text()})

        def check(made: Proposal) -> list[str]:
            return confirmed(made, self._store.as_at(made.log_at, made.log_digest), AccountabilityLogger, self.log_file)

        return apply_proposal(proposal, approver, reason, record, names, check)

    def explain(self, request_id: str, level: Literal["silent", "brief", "detailed", "full"] = "detailed") -> str:
        """Say what was decided and why, at one of four levels; see `decisions.explain.explain`.

        Parameters
        ----------
        request_id
            Which decision.
        level
            How much of it.

        Raises
        ------
        ParameterError
            If there is no such decision, or no such level.
        """
        name = str(request_id)
        found = self.query_decisions(request_id=name)
        if not found:
            raise ParameterError(Problem("no such decision", got=name, where=self.log_file, next="aura query lists the last ones"))
        overrides = self.override_history(name)
        if level != "full":
            return explaining.explain(found[0], level, overrides=overrides)
        table = self.table()
        own = table.filter(pl.col("request_id") == name).row(0, named=True)
        record = explaining.track_record(table, own["components"], own["ts"])
        return explaining.explain(found[0], level, outcomes=self.outcome_history(name), overrides=overrides, record=record)

    def to_events(self) -> pl.DataFrame:
        """The log as events, so that dossiers, rules and the report work for components; see `decisions.as_events.to_events`."""
        every = self._store.entries(Conditions(), None, newest_first=False)
        return to_events(every, self.override_history(), self.notes("approval"))
