"""A policy: rules read from YAML, evaluated over dossiers, with reasons."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl
from pydantic import ValidationError

from aura_analytics.clock.times import parse_span
from aura_analytics.errors import FileMissingError, ParameterError, Problem, RuleError, close_match
from aura_analytics.metrics.catalogue import METRICS, Catalogue
from aura_analytics.metrics.kinds.base import Metric
from aura_analytics.rules import engine
from aura_analytics.rules.case_tests import PolicyReport, case_board
from aura_analytics.rules.grammar import PolicyFile, RuleSpec, comparisons
from aura_analytics.rules.problems import problems_in_policy
from aura_analytics.rules.reasons import Result, worded
from aura_analytics.yaml_models import load_yaml

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SHIPPED", "Policy", "PolicyLike", "PolicyReport", "as_policy"]

SHIPPED = ("evidence_gated", "tracker")


class Policy:
    """Rules with thresholds, evidence, persistence and hysteresis.

    Parameters
    ----------
    spec
        The policy as data, or as it was read.
    metrics
        Metrics that its rules may read; default the shipped ones, those of installed packages, and those that were added.

    Raises
    ------
    RuleError
        If the data breaks the grammar; all problems at once.

    Examples
    --------
    >>> import aura_analytics as aura
    >>> verdicts = aura.Policy.tracker().evaluate(aura.dossiers(aura.events.sample(400, seed=1)))
    >>> verdicts.columns[:4]
    ['actor', 'as_of', 'policy', 'verdict']
    """

    def __init__(self, spec: PolicyFile | Mapping[str, Any], *, metrics: Catalogue | None = None) -> None:
        self._metrics = METRICS if metrics is None else metrics
        if isinstance(spec, PolicyFile):
            self.spec: PolicyFile = spec
            return
        try:
            self.spec = PolicyFile.model_validate(spec, context={"metrics": self._metrics})
        except ValidationError as error:
            raise RuleError("this is not a policy", problems=problems_in_policy(error, "policy")) from None

    def __repr__(self) -> str:
        return f"Policy({self.spec.name!r}, version {self.spec.version}, {len(self.spec.rules)} rules)"

    @classmethod
    def from_yaml(cls, path: str | Path, *, metrics: Catalogue | None = None) -> Policy:
        """Read a policy from a YAML file.

        Parameters
        ----------
        path
            The file.
        metrics
            Metrics that its rules may read; default the shipped ones, those of installed packages, and those that were added.

        Raises
        ------
        FileMissingError, RuleError
            If the file is missing, is no YAML that can be loaded safely, or breaks the grammar; all problems at once.
        """
        data = load_yaml(path, RuleError, "policy")
        chosen = METRICS if metrics is None else metrics
        try:
            return cls(PolicyFile.model_validate(data, context={"metrics": chosen}), metrics=chosen)
        except ValidationError as error:
            raise RuleError(f"{path} is not a policy", problems=problems_in_policy(error, str(path))) from None

    @classmethod
    def tracker(cls) -> Policy:
        """The performance tracker's rule as it stands: no evidence asked."""
        return _shipped("tracker")

    @classmethod
    def evidence_gated(cls) -> Policy:
        """The default: the tracker's thresholds reached at confidence limits, with enough observations."""
        return _shipped("evidence_gated")

    @property
    def name(self) -> str:
        """Name of the policy."""
        return self.spec.name

    @property
    def catalogue(self) -> Catalogue:
        """The metrics that its rules may read."""
        return self._metrics

    @property
    def reads(self) -> tuple[Metric, ...]:
        """The metrics that its rules read."""
        return tuple(self._metrics[name] for name in self.metrics)

    @property
    def metrics(self) -> list[str]:
        """Names of the metrics that its rules read."""
        conditions = [condition for rule in self.spec.rules for condition in (rule.when, rule.clear_when) if condition is not None]
        return list(dict.fromkeys(leaf.metric for condition in conditions for leaf in comparisons(condition)))

    @property
    def roles(self) -> dict[str, str]:
        """Declared role by actor."""
        return {actor: role for role, actors in self.spec.roles.items() for actor in actors}

    def evaluate(self, dossiers: pl.DataFrame, *, texts: Literal["all", "reasons", "none"] = "all") -> pl.DataFrame:
        """Verdicts over dossiers.

        Parameters
        ----------
        dossiers
            What `aura.dossiers` returns, or several such tables stacked (one `as_of` each) for rules with persistence or
            hysteresis.
        texts
            How much to put into words: `all`, only `reasons`, or `none` for speed.

        Returns
        -------
        polars.DataFrame
            One row per row of `dossiers`, in its order: `actor`, `as_of`, `policy`, `verdict` (`insufficient`, `clear`, `watch`,
            `flag`), `rules` (ids behind the verdict), `reasons`, `evidence` (metric, value, n, bound, comparison, threshold,
            answer), `would_clear` (ways out, each enough), `more_needed` (per undecided metric, how many more observations would
            settle it at the present rate; `more` is null where that cannot be said; empty when settled).

        Raises
        ------
        ParameterError
            If the dossiers lack a metric that the rules read.
        """
        self._check(dossiers)
        if self.roles:
            role = pl.col("actor").replace_strict(list(self.roles), list(self.roles.values()), default=None, return_dtype=pl.String)
            dossiers = dossiers.with_columns(role=role)
        elif "role" not in dossiers.columns:
            dossiers = dossiers.with_columns(role=pl.lit(None, dtype=pl.String))
        results = [self._rule(rule, dossiers) for rule in self.spec.rules]
        blocked = engine.one_sided(dossiers, self.spec)
        foreign = ~engine.applies(dossiers, self.spec)
        codes = np.stack([np.where(blocked | foreign, engine.INSUFFICIENT, verdicts).astype(np.int8) for verdicts, _, _ in results])
        notes = [[""] * dossiers.height for _ in results]
        if self.spec.persistence is not None or any(rule.clear_when is not None for rule in self.spec.rules):
            self._check_readings(dossiers)
            for r, rule in enumerate(self.spec.rules):
                codes[r], notes[r] = self._over_time(dossiers, codes[r], results[r][2], sticky=rule.clear_when is not None)
        return worded(self.spec, dossiers, engine.gravest(codes), codes, results, blocked, foreign, notes, texts)

    def _check(self, dossiers: pl.DataFrame) -> None:
        needed = [*self.metrics, *(f"{name}_n" for name in self.metrics if f"{name}_n" in self._metrics[name].columns)]
        if self.spec.evidence.both_verdicts:
            needed.append("agreed_ever")
        problems = [
            Problem("the dossiers lack a column that the policy reads", got=name, next="compute them with this metric")
            for name in ("actor", "actor_kind", "as_of", *needed)
            if name not in dossiers.columns
        ]
        if problems:
            raise ParameterError(f"policy {self.name!r} cannot be evaluated", problems=problems)

    def _rule(self, rule: RuleSpec, board: pl.DataFrame) -> Result:
        codes, leaves = engine.answer(rule.when, board)
        may_clear = np.ones(board.height, dtype=bool)
        if rule.clear_when is not None:
            may_clear = engine.answer(rule.clear_when, board)[0] == engine.YES
        return engine.verdict_codes(codes), leaves, may_clear

    def _check_readings(self, board: pl.DataFrame) -> None:
        """Readings of one actor must be distinct, and for persistence about a step apart; otherwise one would count twice."""
        step = self.spec.persistence.step if self.spec.persistence else None
        gaps = (
            board.select("actor", "as_of")
            .sort("actor", "as_of")
            .select(gap=pl.col("as_of").diff().over("actor"))["gap"]
            .drop_nulls()
        )
        shortest = gaps.min()
        # calendar months differ in length: a tenth is allowed for
        least = 0.9 * parse_span(step, name="step") if step else timedelta(microseconds=1)
        if isinstance(shortest, timedelta) and shortest < least:
            expected = f"at least {step} (less a tenth)" if step else "one reading per moment"
            problem = Problem(
                "readings of one actor are too close",
                got=str(shortest),
                expected=expected,
                next="stack dossiers that are a step apart",
            )
            raise ParameterError(f"policy {self.name!r} cannot be evaluated", problems=[problem])

    def _over_time(
        self, board: pl.DataFrame, codes: NDArray[np.int8], may_clear: NDArray[np.bool_], *, sticky: bool
    ) -> tuple[NDArray[np.int8], list[str]]:
        """Persistence and hysteresis of one rule: fold the readings of each actor in the order of time."""
        out = codes.copy()
        notes = [""] * board.height
        k, m = (self.spec.persistence.k, self.spec.persistence.m) if self.spec.persistence else (1, 1)
        order = board.select("actor", "as_of").with_row_index("i").sort("as_of", "i")
        history: dict[str, list[bool]] = {}
        standing: dict[str, bool] = {}
        for i, actor, _moment in order.iter_rows():
            flagged = bool(codes[i] == engine.FLAG)
            if standing.get(actor) and sticky and may_clear[i] and not flagged:
                history[actor] = []  # cleared: the count begins anew
            raised = history.setdefault(actor, [])
            raised.append(flagged)
            recent = sum(raised[-m:])
            if standing.get(actor) and sticky and not may_clear[i]:
                if not flagged or recent < k:
                    notes[i] = "the flag stands until the condition for clearing it is met"
                out[i] = engine.FLAG
            elif flagged and recent < k:
                out[i] = engine.WATCH
                notes[i] = f"flagged in {recent} of the last {min(m, len(raised))} readings; {k} of {m} are needed"
            elif not flagged and m > 1 and recent >= k:
                out[i] = engine.FLAG
                notes[i] = f"flagged in {recent} of the last {min(m, len(raised))} readings"
            standing[actor] = bool(out[i] == engine.FLAG)
        return out, notes

    def test(self) -> PolicyReport:
        """Run the cases written beside the rules."""
        failures = []
        for case in self.spec.tests:
            got = self.evaluate(case_board(case, self._metrics))
            last = got.row(-1, named=True)
            if last["verdict"] != case.expect:
                failures.append(f"{case.name}: expected {case.expect}, got {last['verdict']} ({'; '.join(last['reasons'])})")
            elif case.rule is not None and case.rule not in last["rules"]:
                failures.append(f"{case.name}: expected rule {case.rule} behind it, got {last['rules']}")
        return PolicyReport(len(self.spec.tests) - len(failures), tuple(failures))


@lru_cache(maxsize=8)
def _shipped(name: str) -> Policy:
    return Policy.from_yaml(Path(str(resources.files("aura_analytics.rules") / "policies" / f"{name}.yaml")))


PolicyLike = Policy | str | Path | None


def as_policy(policy: PolicyLike) -> Policy:
    """A policy, from one, from the name of a shipped one, or from a file; the evidence-gated one for None.

    Parameters
    ----------
    policy
        A `Policy`, `evidence_gated`, `tracker`, or the path of a YAML file.

    Raises
    ------
    FileMissingError
        If there is no policy of that name and no such file.
    RuleError
        If the file is no policy.
    ParameterError
        If it is none of these.

    Examples
    --------
    >>> as_policy("tracker").name, as_policy(None).name
    ('tracker', 'evidence_gated')
    """
    if policy is None:
        return _shipped("evidence_gated")
    if isinstance(policy, Policy):
        return policy
    if isinstance(policy, str) and policy in SHIPPED:
        return _shipped(policy)
    if not isinstance(policy, (str, Path)):
        expected = f"a Policy, {', '.join(SHIPPED)}, or a file"
        raise ParameterError(Problem("policy cannot be read", got=policy, expected=expected))
    if not Path(policy).exists():
        hint = close_match(str(policy), list(SHIPPED)) or f"name one of {', '.join(SHIPPED)}, or the path of a policy file"
        raise FileMissingError(Problem("no such policy", got=str(policy), next=hint))
    return Policy.from_yaml(policy)
