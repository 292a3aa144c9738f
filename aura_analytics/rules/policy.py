"""A policy: rules read from YAML, evaluated over dossiers, with reasons."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from datetime import timedelta
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
from pydantic import ValidationError

from aura_analytics.clock import times
from aura_analytics.errors import FileMissingError, ParameterError, Problem, RuleError, close_match
from aura_analytics.metrics.catalogue import METRICS, Catalogue
from aura_analytics.metrics.kinds.base import Metric
from aura_analytics.rules import engine
from aura_analytics.rules.case_tests import PolicyReport, case_board
from aura_analytics.rules.comparisons.peers import PeerRate
from aura_analytics.rules.control import flag_chances, held_back, with_held_back
from aura_analytics.rules.counted import board_problems
from aura_analytics.rules.folding import read_over_time
from aura_analytics.rules.grammar import Leaf, PolicyFile, comparisons
from aura_analytics.rules.grammar_parts import Way
from aura_analytics.rules.looking import looked_into
from aura_analytics.rules.numbers import Board
from aura_analytics.rules.over_time import Fold
from aura_analytics.rules.problems import problems_in_policy
from aura_analytics.rules.reasons import Judged, worded
from aura_analytics.yaml_models import load_yaml

__all__ = ["SHIPPED", "Policy", "PolicyLike", "PolicyReport", "as_policy"]

DEFAULT = "reliance"
SHIPPED = ("reliance", "evidence_gated", "sequential_gate", "tracker", "agents")


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
            raise RuleError(f"{path} is not a policy", problems=problems_in_policy(error, str(path), data)) from None

    @classmethod
    def tracker(cls) -> Policy:
        """The performance tracker's rule as it stands: no evidence asked."""
        return _shipped("tracker")

    @classmethod
    def default(cls) -> Policy:
        """What judges where nobody names a policy."""
        return _shipped(DEFAULT)

    @classmethod
    def reliance(cls) -> Policy:
        """Screen, audit, judge: flags rest on judged verdicts, often overriding and low ratings are a reason to look."""
        return _shipped("reliance")

    @classmethod
    def evidence_gated(cls) -> Policy:
        """The tracker's thresholds reached at confidence limits, with enough observations."""
        return _shipped("evidence_gated")

    @classmethod
    def agents(cls) -> Policy:
        """For agents and components: rightly overridden, failing, boasting, or with low scores."""
        return _shipped("agents")

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
        return list(dict.fromkeys(leaf.metric for leaf in self._comparisons))

    @property
    def _comparisons(self) -> list[Leaf]:
        conditions = [condition for rule in self.spec.rules for condition in (rule.when, rule.clear_when) if condition is not None]
        return [leaf for condition in conditions for leaf in comparisons(condition)]

    @property
    def way(self) -> Way:
        """How it wants boards to be counted: `sla`, `calendar`, `attribution`, `holding`, `ratings`, as far as it says."""
        return self.spec.way

    @property
    def compares_peers(self) -> bool:
        """Whether others count in what is said of somebody, so that nobody can be judged alone: a threshold or a metric that is
        taken from them, or control of false flags.
        """
        others = any(isinstance(leaf.threshold, PeerRate) or leaf.kind.reads_everybody for leaf in self._comparisons)
        return others or self.spec.control is not None

    @property
    def window(self) -> timedelta | None:
        """The window that it judges; None is the whole log."""
        return self.spec.span

    def over(self, window: str | timedelta | None) -> Policy:
        """The same rules over another window.

        Parameters
        ----------
        window
            A span of time such as `30d`, or `all` for the whole log; None changes nothing.

        Raises
        ------
        ParameterError
            If it is no window.
        RuleError
            If the rules cannot be read over it: those that hold at any time need the whole log.

        Examples
        --------
        >>> import aura_analytics as aura
        >>> aura.Policy.tracker().over("30d").window
        datetime.timedelta(days=30)
        """
        if window is None or (span := times.parse_window(window)) == self.window:
            return self
        changed = self.spec.model_dump(by_alias=True, exclude={"tests"}) | {"window": times.window_text(span)}
        return Policy(changed, metrics=self._metrics)

    @property
    def roles(self) -> dict[str, str]:
        """Declared role by actor."""
        return {actor: role for role, actors in self.spec.roles.items() for actor in actors}

    def evaluate(
        self, dossiers: pl.DataFrame, *, texts: Literal["all", "reasons", "none"] = "all", past: Fold | None = None
    ) -> pl.DataFrame:
        """Verdicts over dossiers.

        Parameters
        ----------
        dossiers
            What `aura.dossiers` returns, or several such tables stacked (one `as_of` each) for rules with persistence or
            hysteresis. `k` of `m` counts the readings that lie the policy's step apart, whatever lies between them; hysteresis
            takes every reading, in the order of time.
        texts
            How much to put into words: `all`, only `reasons`, or `none` for speed.
        past
            What earlier readings left behind (see `aura_analytics.dossier.history`); default nothing.

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
            If the dossiers lack a metric that the rules read, were counted over another window than the policy's, or hold two
            readings of one actor at one moment.
        """
        if problems := board_problems(dossiers, self.spec, self.reads):
            raise ParameterError(f"policy {self.name!r} cannot be evaluated", problems=problems)
        judged = self.judged(dossiers)
        codes, notes = judged.codes, looked_into(self.spec, judged.results, judged.codes)
        notes = with_held_back(self.spec, judged.held_back, notes)
        if self.spec.over_time:
            read_over_time(self.name, self.metrics, judged, notes, deepcopy(past) if past is not None else Fold(self.spec))
        return worded(
            self.spec, judged.board, engine.gravest(codes), codes, judged.results, judged.blocked, judged.foreign, notes, texts
        )

    def judged(self, board: pl.DataFrame) -> Judged:
        """What every rule says of every row, each row by itself.

        Parameters
        ----------
        board
            As in `evaluate`.
        """
        if self.roles:
            role = pl.col("actor").replace_strict(list(self.roles), list(self.roles.values()), default=None, return_dtype=pl.String)
            board = board.with_columns(role=role)
        elif "role" not in board.columns:
            board = board.with_columns(role=pl.lit(None, dtype=pl.String))
        rows = Board(board)
        results, clears = [], []
        for rule in self.spec.rules:
            codes, leaves = engine.answer(rule.when, rows)
            results.append((engine.verdict_codes(codes, rule.at_most), leaves))
            cleared = None if rule.clear_when is None else engine.answer(rule.clear_when, rows)[0] == engine.YES
            clears.append(np.ones(board.height, dtype=bool) if cleared is None else cleared)
        blocked = engine.one_sided(board, self.spec)
        foreign = ~engine.applies(board, self.spec)
        codes = np.stack([np.where(blocked | foreign, engine.INSUFFICIENT, verdicts).astype(np.int8) for verdicts, _ in results])
        flagging = [rule.when for rule in self.spec.rules if rule.at_most == "flag"]
        held = held_back(self.spec.control, flagging, rows, codes, blocked | foreign)
        codes = np.where(held, engine.WATCH, codes).astype(np.int8)
        return Judged(board, results, codes, clears, blocked, foreign, held)

    def flag_chances(self, board: pl.DataFrame) -> pl.Series:
        """The chance, at most, that a reading flags somebody who stands exactly on a line, a row of the board each.

        Parameters
        ----------
        board
            As in `evaluate`.
        """
        barred = engine.one_sided(board, self.spec) | ~engine.applies(board, self.spec)
        return pl.Series("flag_chance", flag_chances(self.spec, Board(board), barred))

    def read_into(self, fold: Fold, board: pl.DataFrame) -> None:
        """Let a fold go on over the readings of a board, without words."""
        fold.kinds |= dict(board.select("actor", pl.col("actor_kind").cast(pl.String)).iter_rows())
        judged = self.judged(board)
        read_over_time(self.name, self.metrics, judged, [[""] * board.height for _ in judged.codes], fold)

    def test(self) -> PolicyReport:
        """Run the cases written beside the rules."""
        failures = []
        kind = "officer" if "officer" in self.spec.kinds or not self.spec.kinds else self.spec.kinds[0]
        for case in self.spec.tests:
            got = self.evaluate(case_board(case, self._metrics, self.spec.step, kind))
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
    """A policy, from one, from the name of a shipped one, or from a file; the default one for None.

    Parameters
    ----------
    policy
        A `Policy`, `reliance`, `evidence_gated`, `sequential_gate`, `tracker`, `agents`, or the path of a YAML file.

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
    ('tracker', 'reliance')
    """
    if policy is None:
        return _shipped(DEFAULT)
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
