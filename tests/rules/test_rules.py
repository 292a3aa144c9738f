"""Policies: the grammar and its errors, verdicts against a second engine, persistence, hysteresis, roles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import aura_analytics as aura
from aura_analytics.errors import FileMissingError, ParameterError, RuleError
from aura_analytics.metrics.catalogue import METRICS
from aura_analytics.metrics.kinds.base import Context


def board(*rows: dict[str, Any]) -> pl.DataFrame:
    """Dossier rows from counts: actor, k, n, stars, and optionally role, kind, agreed, day."""
    frames = []
    for row in rows:
        stars = row.get("stars", [])
        sums = pl.DataFrame(
            {
                "override_rate:k": [row.get("k", 0)],
                "override_rate:n": [row.get("n", 0)],
                "sat_score_mean:n": [len(stars)],
                "sat_score_mean:s": [sum(stars) * 10**6],
                "sat_score_mean:q": [sum(s * s for s in stars) * 10**12],
            }
        )
        frame = pl.DataFrame({"actor": [row["actor"]]}).with_columns(
            actor_kind=pl.lit(row.get("kind", "officer"), dtype=pl.String),
            role=pl.lit(row.get("role"), dtype=pl.String),
            as_of=pl.lit(row.get("day", 0) * 86_400_000_000).cast(pl.Datetime("us", "UTC")),
            agreed_ever=pl.lit(row.get("agreed", row.get("k", 0) < row.get("n", 0)), dtype=pl.Boolean),
        )
        for name in ("override_rate", "sat_score_mean"):
            frame = frame.with_columns(**METRICS[name].finish(sums, Context(None)))  # type: ignore[arg-type]
        frames.append(frame)
    return pl.concat(frames)


def verdicts(policy: aura.Policy, *rows: dict[str, Any]) -> list[str]:
    return policy.evaluate(board(*rows))["verdict"].to_list()


RATE = {"metric": "override_rate", "above": 0.3, "limit": "lower", "min_n": 5}


def test_shipped_policies_pass_their_own_tests(fixtures: Path) -> None:
    for policy in (
        aura.Policy.tracker(),
        aura.Policy.evidence_gated(),
        *map(aura.Policy.from_yaml, fixtures.glob("policies/rate_[ns]*.yaml")),
    ):
        report = policy.test()
        assert report.passed == len(policy.spec.tests) > 0
        assert report.failures == ()


def test_reasons_evidence_and_what_would_clear_it() -> None:
    row = (
        aura.Policy.evidence_gated()
        .evaluate(board({"actor": "anne", "k": 42, "n": 100, "stars": [2, 2, 2, 1, 3, 2, 2, 2, 2, 2]}))
        .row(0, named=True)
    )
    assert row["verdict"] == "flag" and row["rules"] == ["pip"]
    assert row["reasons"][0] == (
        "met: Override rate 42.0 % (n = 100) is above 30.0 % by 12.0 points, at 95 % confidence (one-sided): lower limit 33.6 %"
    )
    numbers = row["evidence"][0]
    assert (numbers["value"], numbers["n"], numbers["threshold"], numbers["answer"]) == (0.42, 100, 0.3, "yes")
    assert row["would_clear"] == [
        "Performance improvement plan: Override rate at most 30.0 % on at least 5 observations, over the 90 days to come",
        "Performance improvement plan: Satisfaction at least 3.00 stars on at least 5 observations, over the 90 days to come",
    ]
    # 40 more agreeing verdicts do clear it, 39 do not
    gate = aura.Policy.evidence_gated()
    assert verdicts(gate, {"actor": "a", "k": 42, "n": 140, "stars": [2, 2, 2, 1, 3]}) == ["clear"]
    assert verdicts(gate, {"actor": "a", "k": 42, "n": 139, "stars": [2, 2, 2, 1, 3]}) == ["watch"]


def test_more_needed_is_enough() -> None:
    policy = aura.Policy({"name": "p", "rules": [{"id": "r", "when": RATE}]})
    row = policy.evaluate(board({"actor": "a", "k": 8, "n": 20})).row(0, named=True)
    assert row["verdict"] == "watch"
    (lack,) = row["more_needed"]
    assert lack["metric"] == "override_rate"
    n = 20 + lack["more"]
    assert verdicts(policy, {"actor": "a", "k": round(0.4 * n + 0.5), "n": n}) == ["flag"]


def test_one_sided_is_neither_flagged_nor_clear() -> None:
    row = aura.Policy.evidence_gated().evaluate(board({"actor": "a", "k": 60, "n": 60, "stars": [1] * 9})).row(0, named=True)
    assert row["verdict"] == "insufficient"
    assert row["reasons"][0].startswith("one_sided: never once issued the agreeing verdict")
    earlier = {"actor": "a", "k": 60, "n": 60, "stars": [1] * 9, "agreed": True}  # agreed before the window
    assert verdicts(aura.Policy.evidence_gated(), earlier) == ["flag"]


def test_other_kinds_are_not_judged() -> None:
    row = (
        aura.Policy.evidence_gated()
        .evaluate(board({"actor": "gpt", "kind": "agent", "k": 90, "n": 100, "stars": [1] * 9}))
        .row(0, named=True)
    )
    assert (row["verdict"], row["reasons"]) == ("insufficient", ["the policy judges officer, not agent"])


def test_within_a_declared_role() -> None:
    policy = aura.Policy.from_yaml(Path(__file__).parents[2] / "fixtures/policies/rate_by_role.yaml")
    rows = [{"actor": f"intake{i}", "k": 90 + i, "n": 100, "role": "intake"} for i in range(4)]
    rows += [{"actor": f"desk{i}", "k": 10, "n": 100, "role": "desk"} for i in range(3)]
    rows += [
        {"actor": "desk_odd", "k": 60, "n": 100, "role": "desk"},
        {"actor": "nobody", "k": 60, "n": 100},
        {"actor": "alone", "k": 60, "n": 100, "role": "x"},
    ]
    assert verdicts(policy, *rows) == ["clear"] * 7 + ["flag", "insufficient", "insufficient"]
    reason = policy.evaluate(board(*rows))["reasons"][7][0]
    assert "above 20.0 % (peers' rate plus 10 points)" in reason  # 30 of 300 and 10 points


def test_persistence_needs_k_of_m() -> None:
    policy = aura.Policy({"name": "p", "persistence": {"k": 2, "m": 3, "step": "30d"}, "rules": [{"id": "r", "when": RATE}]})
    high, low = {"actor": "a", "k": 50, "n": 100}, {"actor": "a", "k": 10, "n": 100}
    readings = [{**reading, "day": 30 * day} for day, reading in enumerate([high, low, high, low, low, high])]
    found = policy.evaluate(board(*readings))
    assert found["verdict"].to_list() == ["watch", "clear", "flag", "clear", "clear", "watch"]
    assert "flagged in 1 of the last 1 readings; 2 of 3 are needed" in found["reasons"][0][0]
    twice = [{**reading, "day": 30 * day} for day, reading in enumerate([high, high, low, low])]
    assert verdicts(policy, *twice) == ["watch", "flag", "flag", "clear"]
    # the order of rows does not matter, only the time of the readings
    assert policy.evaluate(board(*readings[::-1])).reverse()["verdict"].to_list() == found["verdict"].to_list()


def test_hysteresis_holds_a_flag_until_it_may_go() -> None:
    spec = {"name": "p", "rules": [{"id": "r", "when": RATE, "clear_when": {"metric": "override_rate", "below": 0.2}}]}
    policy = aura.Policy(spec)
    readings = [{"actor": "a", "k": k, "n": 100, "day": day} for day, k in enumerate([25, 50, 32, 25, 19, 25])]
    assert verdicts(policy, *readings) == ["clear", "flag", "flag", "flag", "clear", "clear"]
    without = aura.Policy({"name": "p", "rules": [{"id": "r", "when": RATE}]})
    assert verdicts(without, *readings) == ["clear", "flag", "watch", "clear", "clear", "clear"]


def test_several_rules_take_the_gravest() -> None:
    rules = [{"id": "rate", "when": RATE}, {"id": "stars", "when": {"metric": "sat_score_mean", "below": 2}}]
    row = (
        aura.Policy({"name": "p", "rules": rules})
        .evaluate(board({"actor": "a", "k": 1, "n": 100, "stars": [1, 1]}))
        .row(0, named=True)
    )
    assert (row["verdict"], row["rules"]) == ("flag", ["stars"])


def test_any_needs_one_leg() -> None:
    condition = {"any": [RATE, {"metric": "sat_score_mean", "below": 2, "min_n": 3}]}
    policy = aura.Policy({"name": "p", "rules": [{"id": "r", "when": condition}]})
    rows = [
        {"actor": "a", "k": 50, "n": 100},
        {"actor": "b", "k": 5, "n": 100},
        {"actor": "c", "k": 5, "n": 100, "stars": [4, 4, 4]},
    ]
    assert verdicts(policy, *rows) == ["flag", "insufficient", "clear"]


EVERY_PROBLEM = """
name: bad
windw: 90d
rules:
  - id: Pip
    when:
      all:
        - {metric: overide_rate, above: 0.3}
        - {metric: sat_score_mean, below: 3, above: 2}
        - {metric: processing_hours_p90, above: 3, limit: lower}
        - {metric: override_rate, above: 0.3, limit: upper}
        - {metric: override_rate, above: "__import__('os')"}
persistence: {k: 5, m: 3}
"""


def test_every_problem_at_once(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(EVERY_PROBLEM)
    with pytest.raises(RuleError, match="is not a policy") as caught:
        aura.Policy.from_yaml(path)
    text = str(caught.value)
    for part in (
        "unknown key 'windw'; did you mean 'window'?",
        "did you mean 'override_rate'?",
        "exactly one of above, at_least, below, at_most",
        "keeps no numbers for a confidence limit",
        "would accuse for lack of evidence",
        "5 of 3 readings can never happen",
        "rules.0.id",
    ):
        assert part in text, part


def test_unsafe_and_missing_files(tmp_path: Path) -> None:
    with pytest.raises(FileMissingError, match="no policy file there"):
        aura.Policy.from_yaml(tmp_path / "nix.yaml")
    (tmp_path / "p.yaml").write_text("!!python/object/apply:os.getcwd []")
    with pytest.raises(RuleError, match="can be loaded safely"):
        aura.Policy.from_yaml(tmp_path / "p.yaml")
    (tmp_path / "p.yaml").write_text("- a\n- b\n")
    with pytest.raises(RuleError, match="holds keys and values"):
        aura.Policy.from_yaml(tmp_path / "p.yaml")


def test_dossiers_without_the_metric() -> None:
    frame = board({"actor": "a"}).drop("sat_score_mean")
    with pytest.raises(ParameterError, match="lack a column that the policy reads: got 'sat_score_mean'"):
        aura.Policy.evidence_gated().evaluate(frame)


def test_failing_tests_are_explained() -> None:
    test = {"name": "wrong", "dossier": {"override_rate": {"hits": 1, "of": 100}}, "expect": "flag"}
    report = aura.Policy({"name": "p", "rules": [{"id": "r", "when": RATE}], "tests": [test]}).test()
    assert report.passed == 0 and "wrong: expected flag, got clear" in report.failures[0]


def test_tests_with_nonsense_are_refused() -> None:
    test = {"name": "t", "dossier": {"override_rate": {"hits": 5, "of": 3}}, "expect": "flag"}
    with pytest.raises(RuleError, match=r"numbers of override_rate cannot be read.*hits: 42, of: 100"):
        aura.Policy({"name": "p", "rules": [{"id": "r", "when": RATE}], "tests": [test]}).test()
    with pytest.raises(RuleError, match="unknown metric in a test"):
        aura.Policy(
            {"name": "p", "rules": [{"id": "r", "when": RATE}], "tests": [{"name": "t", "dossier": {"x": 1}, "expect": "clear"}]}
        ).test()


def _exact(k: float, n: float, tail: float) -> tuple[float, float]:
    """Clopper and Pearson by the beta distribution, for counts that need not be whole."""
    from scipy import stats

    if n <= 0:
        return float("nan"), float("nan")
    return (
        stats.beta.ppf(tail, k, n - k + 1) if k > 0 else 0.0,
        stats.beta.ppf(1 - tail, k + 1, n - k) if k < n else 1.0,
    )


def _stars(stars: list[int], tail: float) -> tuple[float, float]:
    """Limits of a mean of stars, written out: as precise as so many throws of a coin."""
    n, share = len(stars), (float(np.mean(stars)) - 1) / 4
    near = (share * n + 0.5) / (n + 1)
    seen = float(np.var(stars, ddof=1)) / 16 if n > 1 else 0.0
    spread = ((n - 1) * seen + 5 * near * (1 - near)) / (n + 4)
    throws = n / min(spread / (near * (1 - near)), 1) if seen else n
    low, high = _exact(share * throws, throws, tail)
    return 1 + 4 * low, 1 + 4 * high


@settings(max_examples=100)
@given(
    k=st.integers(0, 40),
    extra=st.integers(0, 60),
    threshold=st.sampled_from([0.1, 0.3, 0.5]),
    min_n=st.sampled_from([0, 5, 20]),
    stars=st.lists(st.integers(1, 5), max_size=8),
)
def test_default_gate_against_a_second_engine(k: int, extra: int, threshold: float, min_n: int, stars: list[int]) -> None:
    """The grammar's `all` of two limits, written out as nested ifs."""
    n = k + extra
    low, high = _exact(k, n, 0.05)

    def leg(value: float, yes: bool, no: bool, met: bool, enough: bool) -> str:
        if np.isnan(value):
            return "unknown"
        if no:
            return "no"
        if not enough:
            return "unknown"
        return "yes" if yes else ("leans yes" if met else "leans no")

    rate = k / n if n else float("nan")
    first = leg(rate, low > threshold, high <= threshold, rate > threshold, n >= min_n)
    m = float(np.mean(stars)) if stars else float("nan")
    bottom, top = _stars(stars, 0.05) if stars else (float("nan"), float("nan"))
    second = leg(m, top < 3, bottom >= 3, m < 3, len(stars) >= 5)
    if "no" in (first, second):
        expected = "clear"
    elif "unknown" in (first, second):
        expected = "insufficient"
    elif "leans no" in (first, second):
        expected = "clear"
    else:
        expected = "flag" if first == second == "yes" else "watch"
    spec = {
        "name": "p",
        "rules": [
            {
                "id": "r",
                "when": {
                    "all": [
                        {"metric": "override_rate", "above": threshold, "limit": "lower", "min_n": min_n},
                        {"metric": "sat_score_mean", "below": 3, "limit": "upper", "min_n": 5},
                    ]
                },
            }
        ],
    }
    assert verdicts(aura.Policy(spec), {"actor": "a", "k": k, "n": n, "stars": stars}) == [expected]


def test_a_mean_that_leans_cannot_say_how_many_more() -> None:
    row = (
        aura.Policy.evidence_gated()
        .evaluate(board({"actor": "a", "k": 60, "n": 100, "stars": [1, 5, 2, 2, 1, 4]}))
        .row(0, named=True)
    )
    assert (row["verdict"], row["more_needed"]) == ("watch", [{"metric": "sat_score_mean", "more": None}])
    row = aura.Policy.evidence_gated().evaluate(board({"actor": "a", "k": 60, "n": 100, "stars": [1, 2]})).row(0, named=True)
    assert (row["verdict"], row["more_needed"]) == ("insufficient", [{"metric": "sat_score_mean", "more": 3}])


def test_ways_out_follow_the_tree() -> None:
    few = {"metric": "sat_score_mean", "below": 3}
    nested = {"all": [{"any": [{"metric": "override_rate", "above": 0.3}, few]}, {"metric": "override_rate", "above": 0.2}]}
    row = aura.Policy({"name": "p", "rules": [{"id": "r", "when": nested}]}).evaluate(
        board({"actor": "a", "k": 6, "n": 10, "stars": [1]})
    )
    assert row["would_clear"][0].to_list() == [
        "r: Override rate at most 30.0 % and Satisfaction at least 3.00 stars, over the 90 days to come",
        "r: Override rate at most 20.0 %, over the 90 days to come",
    ]


def test_an_actor_is_not_their_own_peer_in_another_reading() -> None:
    when = {"metric": "override_rate", "above": {"role_rate_plus": -0.1}, "limit": "lower"}
    policy = aura.Policy({"name": "p", "rules": [{"id": "r", "when": when}]})
    alone = [{"actor": "a", "k": 49 + day, "n": 100, "role": "x", "day": day} for day in range(3)]
    assert verdicts(policy, *alone) == ["insufficient"] * 3


def test_peers_are_uncertain_too() -> None:
    when = {"metric": "override_rate", "above": {"role_rate_plus": 0.1}, "limit": "lower"}
    policy = aura.Policy({"name": "p", "rules": [{"id": "r", "when": when}]})
    rows = [{"actor": "anne", "k": 6, "n": 20, "role": "x"}, *({"actor": f"p{i}", "k": 0, "n": 1, "role": "x"} for i in range(2))]
    assert verdicts(policy, *rows)[0] == "watch"
    rows[1:] = [{"actor": f"p{i}", "k": 1, "n": 200, "role": "x"} for i in range(2)]
    assert verdicts(policy, *rows)[0] == "flag"


def test_limits_seen_from_peers_by_newcombes_formula() -> None:
    """The hybrid interval of a difference (method 10) with exact limits of the actor's own rate and Wilson's of the peers'."""
    from scipy import stats
    from statsmodels.stats.proportion import proportion_confint

    from aura_analytics.rules.engine import answer
    from aura_analytics.rules.grammar import Leaf

    rows = [
        {"actor": "a", "k": 30, "n": 60, "role": "x"},
        {"actor": "b", "k": 10, "n": 50, "role": "x"},
        {"actor": "c", "k": 12, "n": 40, "role": "x"},
    ]
    leaf = Leaf.model_validate({"metric": "override_rate", "above": {"role_rate_plus": 0.05}, "limit": "lower"})
    _, (found,) = answer(leaf, board(*rows))
    own = stats.beta.ppf(0.05, 30, 31)
    _, peers = proportion_confint(22, 90, alpha=0.1, method="wilson")
    expected = 0.5 - 22 / 90 - ((0.5 - own) ** 2 + (peers - 22 / 90) ** 2) ** 0.5
    assert found.bound[0] - 22 / 90 == pytest.approx(expected, abs=1e-9)


def test_hysteresis_of_one_rule_does_not_hold_another() -> None:
    rules = [
        {"id": "a", "when": RATE},
        {"id": "b", "when": {"metric": "sat_score_mean", "below": 1.5}, "clear_when": {"metric": "sat_score_mean", "at_least": 3}},
    ]
    policy = aura.Policy({"name": "p", "rules": rules})
    readings = [{"actor": "x", "k": k, "n": 100, "stars": [2, 2], "day": day} for day, k in enumerate([60, 10])]
    found = policy.evaluate(board(*readings))
    assert found["verdict"].to_list() == ["flag", "clear"]
    assert found["rules"].to_list() == [["a"], []]


def test_clearing_begins_the_count_anew() -> None:
    spec = {
        "name": "p",
        "persistence": {"k": 2, "m": 3, "step": "30d"},
        "rules": [{"id": "r", "when": RATE, "clear_when": {"metric": "override_rate", "below": 0.2}}],
    }
    readings = [{"actor": "a", "k": k, "n": 100, "day": 30 * day} for day, k in enumerate([60, 60, 10, 60])]
    assert verdicts(aura.Policy(spec), *readings) == ["watch", "flag", "clear", "watch"]


def test_one_reading_does_not_count_twice() -> None:
    policy = aura.Policy({"name": "p", "persistence": {"k": 2, "m": 2, "step": "30d"}, "rules": [{"id": "r", "when": RATE}]})
    row = {"actor": "a", "k": 60, "n": 100}
    with pytest.raises(ParameterError, match="readings of one actor are too close"):
        policy.evaluate(board(row, row))
    assert verdicts(policy, row, {**row, "day": 1}, {**row, "day": 15}) == ["watch", "watch", "watch"]  # none of them 30 days apart
    assert verdicts(policy, row, {**row, "day": 28}) == ["watch", "flag"]  # February


def test_anytime_needs_the_whole_log() -> None:
    rule = {"id": "r", "when": {"metric": "override_rate", "above": 0.3, "anytime": 0.05}}
    with pytest.raises(RuleError, match="set window: all"):
        aura.Policy({"name": "p", "rules": [rule]})
    assert verdicts(aura.Policy({"name": "p", "window": None, "rules": [rule]}), {"actor": "a", "k": 60, "n": 100}) == ["flag"]


def test_the_limit_that_decides_is_the_one_shown() -> None:
    row = aura.Policy.evidence_gated().evaluate(board({"actor": "a", "k": 8, "n": 92})).row(0, named=True)
    assert row["reasons"][0] == (
        "not met: Override rate 8.7 % (n = 92) is not above 30.0 %, by 21.3 points, "
        "at 95 % confidence (one-sided): upper limit 15.1 %"
    )
    assert row["evidence"][0]["bound"] == pytest.approx(0.151, abs=5e-4)


@pytest.mark.parametrize("texts", ["all", "reasons", "none"])
@pytest.mark.parametrize("policy", ["tracker", "reliance", "agents"])
def test_nobody_is_judged_in_every_form(policy: str, texts: Any) -> None:
    board = aura.dossiers(aura.sample_log(300, seed=1), policy=policy)
    chosen = getattr(aura.Policy, policy)()
    full, nobody = chosen.evaluate(board, texts=texts), chosen.evaluate(board.clear(), texts=texts)
    assert nobody.height == 0 and nobody.schema == full.schema
