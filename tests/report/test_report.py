"""What the report says: verdicts, evidence, both lists side by side, and that it is one file."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import aura_analytics as aura
from aura_analytics import events


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("report") / "report.html"
    return aura.write_report(aura.sample_log(seed=7), path, sla="72h").read_text(encoding="utf-8")


def test_one_file_without_foreign_addresses(html: str) -> None:
    addresses = set(re.findall(r"https?://[^\s\"'<)]+", html))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}  # names of formats, never fetched
    assert "<script" not in html and "@import" not in html and "<link" not in html
    assert "#0a0b0" not in html  # every stand-in became a variable of the page


def test_flagged_actor_has_evidence(html: str) -> None:
    page = html[html.index('<section class="actor"') :]
    assert "officer_anne<wbr>@sba.gov" in page
    for part in ("at 99.8 % confidence (one-sided)", "What would clear it", "The last overrides", "CLAIM_", "aria-label"):
        assert part in page


def test_two_lists_side_by_side_and_why_they_differ(fixtures: Path, tmp_path: Path) -> None:
    kinds = {
        "only_declines": ["OVERRIDE"] * 12,
        "both": ["OVERRIDE"] * 40 + ["DECISION"] * 20,
        "few": ["OVERRIDE", "DECISION"],
        "fine": ["OVERRIDE"] * 5 + ["DECISION"] * 45,
    }
    log = events.from_records(
        [{"type": kind, "actor": actor, "ts": "2026-01-05"} for actor, many in kinds.items() for kind in many]
    )
    sound, naive = (aura.Policy.from_yaml(fixtures / f"policies/rate_{name}.yaml") for name in ("sound", "naive"))
    text = aura.write_report(log, tmp_path / "r.html", window="all", policy=sound, compare=naive).read_text()
    text = " ".join(re.sub(r"<[^>]+>", " ", text).split())
    assert "rate_sound 1 of 4 flagged" in text and "rate_naive 3 of 4 flagged" in text
    assert "1 never once issued the verdict that agrees with the recommendation" in text
    assert "1 have too few observations to say anything" in text


def test_markup_in_names_is_inert(tmp_path: Path) -> None:
    log = events.from_records([{"type": "OVERRIDE", "actor": "<script>alert(1)</script>", "ts": "2026-01-05"}] * 3)
    text = aura.write_report(
        log,
        tmp_path / "r.html",
        policy=aura.Policy({"name": "p", "rules": [{"id": "r", "when": {"metric": "override_rate", "above": 0.1}}]}),
    ).read_text()
    assert "<script>" not in text and "&lt;script&gt;" in text


@pytest.mark.parametrize("window", ["90d", None])
def test_report_of_nothing(tmp_path: Path, window: str | None) -> None:
    text = aura.write_report(events.empty(), tmp_path / "r.html", window=window).read_text()
    assert "Nobody acted" in text


def test_report_of_one_event(tmp_path: Path) -> None:
    log = events.from_records([{"type": "SAT_SCORE", "value": 3, "case_id": "C"}])
    assert "1 of them could not be traced" in " ".join(aura.write_report(log, tmp_path / "r.html").read_text().split())


def test_charts_have_stable_bytes() -> None:
    from aura_analytics import charts
    from aura_analytics.charts.render import spec_of

    board = aura.dossiers(aura.sample_log(400, seed=1)).filter(pl.col("actor_kind") == "officer")
    assert spec_of(charts.league(board)) == spec_of(charts.league(board))
    assert charts.svg(charts.funnel(board)) == charts.svg(charts.funnel(board))
    assert charts.png(charts.league(board))[:8] == b"\x89PNG\r\n\x1a\n"


def test_charts_never_carry_too_many_rows() -> None:
    from aura_analytics import charts
    from aura_analytics.charts.render import spec_of

    many = aura.dossiers(events.from_records([{"type": "OVERRIDE", "actor": f"o{i}", "ts": "2026-01-05"} for i in range(6_000)]))
    for chart in (charts.league(many), charts.funnel(many)):
        spec_of(chart)
    moved = aura.rolling(aura.sample_log(800, seed=1), window="30d", step="6h")
    assert moved.height > 5_000
    spec_of(charts.series(moved))


def test_funnel_limits_are_left_with_the_stated_chance() -> None:
    """Exact binomial tails at the limits, and against the large-sample form where that holds."""
    from scipy import stats

    from aura_analytics.charts.funnel_plot import _exact

    for n, p in ((5, 0.1), (10, 0.3), (40, 0.3), (400, 0.25)):
        low, high = _exact(np.array([n]), p, 0.95)
        assert stats.binom.sf(np.floor(high[0] * n), n, p) <= 0.025
        assert stats.binom.cdf(np.ceil(low[0] * n) - 1, n, p) <= 0.025
    low, high = _exact(np.array([40_000]), 0.3, 0.95)
    half = 1.959964 * (0.3 * 0.7 / 40_000) ** 0.5
    assert (low[0], high[0]) == (pytest.approx(0.3 - half, abs=2e-5), pytest.approx(0.3 + half, abs=2e-5))


def test_dispersion_is_one_under_chance() -> None:
    from aura_analytics.charts.funnel_plot import _dispersion

    rng = np.random.default_rng(3)
    found = []
    for _ in range(400):
        k = rng.binomial(100, 0.3, 50)
        found.append(_dispersion(k / 100, np.full(50, 100.0), k.sum() / 5_000))
    assert np.mean(found) == pytest.approx(1.0, abs=4 * np.std(found) / 400**0.5)
    wide = rng.binomial(100, rng.beta(6, 14, 50))
    assert _dispersion(wide / 100, np.full(50, 100.0), wide.sum() / 5_000) > 2
    assert np.isnan(_dispersion(np.array([0.3, 0.4]), np.array([10.0, 10.0]), 0.35))


def test_sla_is_told_by_queue(tmp_path: Path) -> None:
    rows = [
        {"type": kind, "actor": "anne", "case_id": f"C{i}", "queue": "foia", "ts": ts}
        for i in range(3)
        for kind, ts in (("ASSIGNED", "2026-01-05T00:00:00Z"), ("RESOLVED", "2026-01-09T04:00:00Z"))
    ]
    text = aura.write_report(events.from_records(rows), tmp_path / "r.html", sla={"default": "48h", "foia": "200h"}).read_text()
    assert "0.0 % outlast the limit of their queue" in text
    young = events.from_records([{**row, "ts": "2026-01-09T04:00:00Z"} for row in rows if row["type"] == "ASSIGNED"])
    assert "followed long enough" in aura.write_report(young, tmp_path / "r.html", sla="48h").read_text()


def test_a_flagged_actor_without_case_ids_still_has_overrides_to_show(tmp_path: Path) -> None:
    log = events.from_records([{"type": "OVERRIDE", "actor": "anne", "ts": f"2026-01-{day:02d}"} for day in range(1, 21)])
    policy = aura.Policy({"name": "p", "rules": [{"id": "r", "when": {"metric": "override_rate", "above": 0.1}}]})
    text = aura.write_report(log, tmp_path / "r.html", policy=policy).read_text()
    assert "The last overrides" in text and "20 events on 0 cases" in text


def test_reliance_stands_in_the_report(tmp_path: Path) -> None:
    """The picture, the sentence, the queues, the cases behind it, the audits that would decide, and the rule's card."""
    run = aura.simulate("fraud_unit", seed=2, days=90)
    text = aura.write_report(run, tmp_path / "report.html").read_text("utf-8")
    row = aura.reliance(run, "queue").row(0, named=True)
    assert f"<td>{row['judged']}</td>" in text and "Right and wrong recommendations by queue" in text
    mine = aura.reliance(run).filter(actor="rubber_stamp").row(0, named=True)
    assert f"Of {mine['accepted_right'] + mine['accepted_wrong']:,} accepted recommendations {mine['accepted_wrong']}" in text
    wrong = aura.observations(run, "rubber_stamp", "accepted_wrong_rate").filter(pl.col("value") == 1)["case_id"]
    assert "Accepted although wrong" in text and all(case in text for case in wrong.head(20))
    drawn = aura.draw_audits(run, 30, actors=["careful"])
    assert "Audits that would decide" in text and drawn["case_id"][0] in text
    card = aura.error_card("reliance")
    assert card is not None and all(said in text for said in card.sentences())
    other = aura.write_report(run, tmp_path / "other.html", window="30d").read_text("utf-8")
    assert "How often it is wrong has not been measured" in other
