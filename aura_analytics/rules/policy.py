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
from pydantic import BaseModel, ValidationError

from aura_analytics.clock.times import parse_span
from aura_analytics.errors import FileMissingError, ParameterError, Problem, RuleError, close_match
from aura_analytics.metrics.catalogue import METRICS, Catalogue
from aura_analytics.metrics.kinds.base import Metric
from aura_analytics.rules import engine
from aura_analytics.rules.case_tests import PolicyReport, case_board
from aura_analytics.rules.comparisons import OPERATORS
from aura_analytics.rules.comparisons.peers import PeerRate
from aura_analytics.rules.grammar import PolicyFile, RuleSpec, comparisons
from aura_analytics.rules.wording import evidence, sentences, unsettled, would_clear
from aura_analytics.yaml_models import load_yaml, problems_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SHIPPED", "Policy", "PolicyLike", "PolicyReport", "as_policy"]

SHIPPED = ("evidence_gated", "tracker")

_Result = tuple["NDArray[np.int8]", list[engine.Answer], "NDArray[np.bool_]"]

_EVIDENCE = pl.Struct(
    {
        "metric": pl.String,
        "value": pl.Float64,
        "n": pl.Int64,
        "bound": pl.Float64,
        "comparison": pl.String,
        "threshold": pl.Float64,
        "answer": pl.String,
        "operator": pl.String,
        "thresholds": pl.List(pl.Float64),
    }
)
_LACK = pl.Struct({"metric": pl.String, "more": pl.Int64})
VERDICT_SCHEMA = pl.Schema(
    {
        "actor": pl.String(),
        "as_of": pl.Datetime("us", "UTC"),
        "policy": pl.String(),
        "verdict": pl.Enum(engine.VERDICTS),
        "rules": pl.List(pl.String()),
        "reasons": pl.List(pl.String()),
        "evidence": pl.List(_EVIDENCE),
        "would_clear": pl.List(pl.String()),
        "more_needed": pl.List(_LACK),
    }
)


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
            raise RuleError("this is not a policy", problems=_explain(error, "policy")) from None

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
            raise RuleError(f"{path} is not a policy", problems=_explain(error, str(path))) from None

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
        return self._worded(dossiers, engine.gravest(codes), codes, results, blocked, foreign, notes, texts)

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

    def _rule(self, rule: RuleSpec, board: pl.DataFrame) -> tuple[NDArray[np.int8], list[engine.Answer], NDArray[np.bool_]]:
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

    def _worded(
        self,
        board: pl.DataFrame,
        worst: NDArray[np.int8],
        codes: NDArray[np.int8],
        results: list[_Result],
        blocked: NDArray[np.bool_],
        foreign: NDArray[np.bool_],
        notes: list[list[str]],
        texts: str,
    ) -> pl.DataFrame:
        size = board.height
        speaking = (worst == engine.WATCH) | (worst == engine.FLAG)
        behind = [(codes[r] == worst) | blocked for r in range(len(results))]
        ids = [_where(behind[r] & speaking, self.spec.rules[r].id) for r in range(len(results))]
        reasons = _lists([], pl.String(), size)
        proof: list[list[dict[str, Any]]] = []
        clears: list[list[str]] = []
        more: list[list[dict[str, Any]]] = []
        if texts != "none":
            reasons = self._reasons(board, results, behind, blocked, foreign, notes)
        if texts == "all":
            proof, clears, more = self._proof(results, behind, speaking, worst, blocked | foreign)
        return pl.DataFrame(
            {
                "actor": board["actor"],
                "as_of": board["as_of"],
                "policy": pl.Series([self.name], dtype=pl.String).new_from_index(0, size),
                "verdict": pl.Series(engine.VERDICTS, dtype=pl.Enum(engine.VERDICTS)).gather(worst.astype(np.uint32)),
                "rules": _listed(ids),
                "reasons": reasons,
                "evidence": _lists(proof, _EVIDENCE, size),
                "would_clear": _lists(clears, pl.String(), size),
                "more_needed": _lists(more, _LACK, size),
            },
            schema=VERDICT_SCHEMA,
        )

    def _reasons(
        self,
        board: pl.DataFrame,
        results: list[_Result],
        behind: list[NDArray[np.bool_]],
        blocked: NDArray[np.bool_],
        foreign: NDArray[np.bool_],
        notes: list[list[str]],
    ) -> pl.Series:
        """Note, one-sidedness, then what every comparison of the rules behind the verdict found."""
        kinds = board["actor_kind"].cast(pl.String).fill_null("unknown")
        other = f"the policy judges {', '.join(self.spec.kinds)}, not "
        nobody = pl.Series([None] * board.height, dtype=pl.String)
        parts = [
            *(
                pl.Series(note, dtype=pl.String).replace("", None).zip_with(pl.Series(mask), nobody)
                for note, mask in zip(notes, behind, strict=True)
            ),
            _where(foreign, other) + kinds,
            _where(blocked & ~foreign, "one_sided: never once issued the agreeing verdict; the role may not allow it"),
        ]
        for (_, leaves, _), mask in zip(results, behind, strict=True):
            shown = pl.Series(mask & ~foreign)
            parts += [sentences(leaf).zip_with(shown, nobody) for leaf in leaves]
        return _listed(parts)

    def _proof(
        self,
        results: list[_Result],
        behind: list[NDArray[np.bool_]],
        speaking: NDArray[np.bool_],
        worst: NDArray[np.int8],
        barred: NDArray[np.bool_],
    ) -> tuple[list[list[dict[str, Any]]], list[list[str]], list[list[dict[str, Any]]]]:
        """Per row: the numbers behind the verdict, what would clear it, and how many more observations would settle it."""
        findings = [list(zip(*(leaf.rows() for leaf in leaves), strict=True)) for _, leaves, _ in results]
        proof: list[list[dict[str, Any]]] = []
        clears: list[list[str]] = []
        more: list[list[dict[str, Any]]] = []
        for i, (verdict, speaks, is_barred) in enumerate(zip(worst.tolist(), speaking.tolist(), barred.tolist(), strict=True)):
            chosen = [r for r in range(len(results)) if behind[r][i]]
            proof.append([evidence(one) for r in chosen for one in findings[r][i]])
            clears.append([text for r in chosen for text in would_clear(self.spec.rules[r], findings[r][i])] if speaks else [])
            asked = [lack for r in chosen for one in findings[r][i] if (lack := unsettled(one)) is not None]
            # a leg that already excludes the rule settles it, whatever the others lack
            more.append([] if is_barred or verdict in (engine.FLAG, engine.CLEAR) else asked)
        return proof, clears, more

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


def _where(mask: NDArray[np.bool_], text: str) -> pl.Series:
    """The text where the mask holds, null elsewhere."""
    return pl.select(pl.when(pl.Series(mask)).then(pl.lit(text))).to_series()


def _listed(parts: list[pl.Series]) -> pl.Series:
    """A list per row of the parts that are not null."""
    named = [part.alias(f"part{i}") for i, part in enumerate(parts)]
    return pl.DataFrame(named).select(pl.concat_list(pl.all()).list.drop_nulls().alias("x")).to_series()


def _lists(rows: list[list[Any]], inner: pl.DataType, size: int) -> pl.Series:
    """A list column from Python lists: one flat column, grouped (polars builds nested lists an item at a time)."""
    empty = pl.Series([[]], dtype=pl.List(inner))
    if not rows:
        return empty.new_from_index(0, size)
    flat = [item for row in rows for item in row]
    index = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    if isinstance(inner, pl.Struct):
        fields = {name: pl.Series([item[name] for item in flat], dtype=dtype) for name, dtype in inner.to_schema().items()}
        values = pl.DataFrame(fields).to_struct("x")
    else:
        values = pl.Series("x", flat, dtype=inner)
    grouped = pl.DataFrame({"i": index, "x": values}).group_by("i", maintain_order=True).agg("x")
    joined = pl.DataFrame({"i": np.arange(size)}).join(grouped, on="i", how="left", maintain_order="left")
    return joined["x"].fill_null(empty.first())


@lru_cache(maxsize=8)
def _shipped(name: str) -> Policy:
    return Policy.from_yaml(Path(str(resources.files("aura_analytics.rules") / "policies" / f"{name}.yaml")))


def _explain(error: ValidationError, where: str) -> list[Problem]:
    from aura_analytics.rules import grammar

    models: list[type[BaseModel]] = [
        grammar.PolicyFile,
        grammar.RuleSpec,
        grammar.Leaf,
        grammar.Persistence,
        grammar.Evidence,
        grammar.TestCase,
        grammar.All,
        grammar.Any_,
        PeerRate,
    ]
    named = {name for model in models for name in model.model_fields} - {"operator", "threshold"}
    known = sorted(named | set(OPERATORS))
    return problems_of(error, where, known)


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
