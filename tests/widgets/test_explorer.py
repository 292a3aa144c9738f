"""The explorer: its numbers are the dossiers', it follows a ledger, and what it starts is a proposal."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import threading
import time
import weakref
import zipfile
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import aura_analytics as aura
from aura_analytics import Policy
from aura_analytics.errors import ParameterError
from aura_analytics.metrics import Count
from aura_analytics.metrics.catalogue import METRICS, metrics_shown
from aura_analytics.simulation.error_cards import digest_of
from aura_analytics.widgets import DossierExplorer, ExplorerState
from aura_analytics.widgets.explorer.counted_series import counted_series

LOG = aura.sample_log(1_500, seed=3)
ANNE = "officer_anne@sba.gov"
LASTING = Policy(
    {
        "name": "lasting",
        "persistence": {"k": 2, "m": 3, "step": "20d"},
        "window": "60d",
        "rules": [{"id": "rate", "when": {"metric": "override_rate", "above": 0.3}}],
    }
)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[aura.Ledger]:
    opened = aura.Ledger(f"sqlite:///{tmp_path}/aura.db", mirror=False)
    yield opened
    opened.close()


@pytest.mark.parametrize("policy", [None, LASTING], ids=["gate", "lasting"])
def test_the_board_is_the_dossiers(policy: Policy | None) -> None:
    state = ExplorerState(LOG, policy, sla="72h")
    board = aura.dossiers(LOG, window=state.window, sla="72h", policy=policy, metrics=metrics_shown())
    joined = state.board.sort("actor").join(board.select("actor", want="pip_status"), on="actor")
    judged = joined.filter(pl.col("verdict") != "not_judged")
    assert judged["verdict"].to_list() == judged["want"].cast(pl.String).to_list() and judged.height
    assert state.board.sort("actor").drop("verdict").equals(board)
    ranks = [["flag", "watch", "clear", "insufficient", "not_judged"].index(word) for word in state.board["verdict"]]
    assert ranks == sorted(ranks)


def test_every_card_has_its_cases() -> None:
    state = ExplorerState(LOG, sla="72h")
    for actor in (ANNE, state.found(kind="agent")[0]):
        state.pick(actor)
        assert len(state.cards) >= 3
        for card in state.cards:
            behind, metric = state.cases(card["metric"]), METRICS[card["metric"]]
            assert behind.height == (state.row[metric.name] if isinstance(metric, Count) else int(card["n"].replace(",", "")))


def test_series_end_where_a_dossier_of_that_window_stands() -> None:
    state = ExplorerState(LOG)
    state.pick(ANNE)
    _, wide = state.series_window
    row = aura.dossiers(LOG, window=wide, metrics=list(state.series)).filter(actor=ANNE).row(0, named=True)
    assert {"override_rate", "sat_score_mean"} <= set(state.series)
    for name, line in state.series.items():
        last = line.row(-1, named=True)
        assert last["value"] == pytest.approx(row[name], rel=1e-12) and last["n"] == row[f"{name}_n"]
        if "lo" in line.columns:
            assert last["lo"] == pytest.approx(row[f"{name}_lo"]) and last["hi"] == pytest.approx(row[f"{name}_hi"])


def test_finding_and_picking() -> None:
    state = ExplorerState(LOG)
    assert state.found("ANNE") == [ANNE] and state.found("nobody") == []
    assert set(state.found(kind="agent")) == {name for name in state.board["actor"] if name.startswith(("claims", "elig"))}
    assert state.found(verdict="flag") == state.board.filter(verdict="flag")["actor"].to_list()
    with pytest.raises(ParameterError, match="did you mean|officer_anne"):
        state.pick("officer_ane@sba.gov")
    assert state.actor == state.board["actor"][0]


def test_the_banner_says_what_would_clear_it() -> None:
    state = ExplorerState(aura.sample_log(seed=7), "evidence_gated")
    state.pick(ANNE)
    banner = state.banner
    assert banner is not None and banner.verdict == "flag" and banner.rules == ("pip",)
    assert any("45.0 %" in reason and "n = 191" in reason for reason in banner.reasons) and banner.would_clear
    clear = state.found(verdict="clear")[0]
    state.pick(clear)
    assert state.banner is None
    with pytest.raises(ParameterError, match="asks for no plan"):
        state.draft()


@pytest.mark.slow
def test_following_a_ledger_equals_reading_it_anew(ledger: aura.Ledger) -> None:
    ordered = LOG.sort("ts", "event_id")
    ledger.record_events(ordered.head(4_000))
    state = ExplorerState(ledger, sla="72h")
    assert state.refresh() == 0
    for begin, size in ((4_000, 1), (4_001, 700), (4_701, 5_000)):
        part = ordered.slice(begin, size).sample(fraction=1, shuffle=True, seed=1)
        ledger.record_events(part)
        assert state.refresh() == part.height
        fresh = ExplorerState(ordered.head(begin + size), sla="72h")
        assert state.board.equals(fresh.board) and state.verdicts.equals(fresh.verdicts)
        state.pick(ANNE)
        fresh.pick(ANNE)
        assert state.cards == fresh.cards and state.cases("override_rate").equals(fresh.cases("override_rate"))
        assert all(line.equals(fresh.series[name]) for name, line in state.series.items())


def test_an_empty_ledger_fills(ledger: aura.Ledger) -> None:
    explorer = DossierExplorer(ledger, follow=None)
    assert explorer.detail == {} and "nobody" in repr(explorer) and explorer.picture().startswith(b"\x89PNG")
    ledger.record_events(LOG)
    assert explorer.refresh() == LOG.height and explorer.detail["actor"] == explorer.state.actor


def test_a_plan_is_a_proposal_that_somebody_else_signs(ledger: aura.Ledger) -> None:
    ledger.record_events(aura.sample_log(seed=7))
    explorer = DossierExplorer(ledger, "evidence_gated", follow=None)
    assert explorer.state.actor == ANNE
    explorer.asked = {"plan": ANNE, "by": " ", "days": 60}
    assert "who asks for the plan" in explorer.failed["text"] and not explorer.plan
    explorer.asked = {"plan": ANNE, "by": "R. Roe", "days": 45}
    assert explorer.failed == {}
    desk = aura.HRDesk(ledger)
    waiting = desk.pending().row(0, named=True)
    assert waiting["actor"] == ANNE and waiting["proposed"] == "plan_opened"
    assert "proposal" in explorer.plan["said"] and waiting["event_id"] in explorer.plan["said"]
    assert explorer.plan["plan"]["goals"][0]["metric"] == "override_rate" and "45.0 %" in explorer.plan["plan"]["goals"][0]["shown"]
    assert "1 proposal" in explorer.detail["standing"]
    with pytest.raises(ParameterError, match="who proposed it"):
        desk.approve(waiting["event_id"], "r. roe", "because")
    explorer.asked = {"plan": ANNE, "by": "R. Roe", "days": 46}
    assert "there is a plan already" in explorer.failed["text"]
    desk.approve(waiting["event_id"], "A. Lee", "the evidence is there")
    explorer.refresh()
    assert explorer.detail["standing"] == "On an improvement plan"


def test_without_a_ledger_it_is_a_draft(tmp_path: Path) -> None:
    explorer = DossierExplorer(aura.sample_log(seed=7), "evidence_gated")
    explorer.asked = {"plan": ANNE, "by": "R. Roe", "days": 60}
    assert "nothing is recorded" in explorer.plan["said"] and ANNE in explorer.plan["html"]
    assert "Improvement plan" in explorer.state.save_plan(tmp_path / "plan.md").read_text("utf-8")
    with pytest.raises(ParameterError, match="no ledger"):
        explorer.state.start_plan("R. Roe")


_WRITER = """
import sys, aura_analytics as aura
with aura.Ledger(sys.argv[1], mirror=False) as ledger:
    ledger.record_event({"type": "OVERRIDE", "actor": "officer_new@sba.gov", "actor_kind": "officer", "case_id": "N1", "agent": "gpt",
                         "ai_recommendation": "APPROVE", "human_verdict": "REJECT", "ts": "2026-06-29T23:59:00Z"})
"""  # noqa: E501


@pytest.mark.slow
def test_the_widget_follows_what_another_process_records(ledger: aura.Ledger) -> None:
    ledger.record_events(LOG)
    explorer = DossierExplorer(ledger, follow=0.05)
    before = explorer.said
    assert "officer_new@sba.gov" not in explorer.people["actors"]
    subprocess.run([sys.executable, "-c", _WRITER, ledger.url], check=True)
    limit = time.monotonic() + 20
    while "officer_new@sba.gov" not in explorer.people["actors"]:
        assert time.monotonic() < limit, explorer.failed
        time.sleep(0.02)
    assert explorer.said != before and explorer.failed == {}
    explorer.close()


def test_what_the_front_end_asks_and_what_fails_is_said() -> None:
    explorer = DossierExplorer(LOG)
    agent = explorer.state.found(kind="agent")[0]
    explorer.asked = {"pick": agent, "metric": "override_rate", "at": 1}
    assert explorer.detail["actor"] == agent and explorer.behind["metric"] == explorer.detail["cards"][0]["metric"]
    explorer.asked = {"behind": "overridden_rate", "at": 2}
    shown = explorer.behind
    assert shown["total"] == explorer.state.row["overridden_rate_n"] and len(shown["rows"]) == min(200, shown["total"])
    assert {row[2] for row in shown["rows"]} <= {"yes", "no"}
    explorer.asked = {"pick": "nobody", "at": 3}
    assert "nobody has this name" in explorer.failed["text"] and explorer.detail["actor"] == agent
    explorer.asked = {
        "by_itself": True,
        "sparks": "override_rate",
        "actors": [agent],
        "at": 2.5,
    }  # asked by nobody: the error stays
    assert "nobody has this name" in explorer.failed["text"] and explorer.sparks["metric"] == "override_rate"
    explorer.asked = {"pick": ANNE, "at": 4}
    assert explorer.failed == {} and explorer.detail["actor"] == ANNE


def test_the_page_holds_the_gravest_and_says_so(tmp_path: Path) -> None:
    explorer = DossierExplorer(LOG)
    explorer.state.pick(explorer.state.board["actor"][2])
    text = explorer.export_html(tmp_path / "page.html", most=4, rows=3).read_text("utf-8")
    state, pages = parts_of(text)
    assert state["people"]["actors"] == explorer.state.board["actor"][:4].to_list() == [page["actor"] for page in pages]
    assert state["people"]["total"] == explorer.state.board.height and state["opened"] == explorer.state.board["actor"][2]
    assert all(len(one["rows"]) <= 3 for page in pages for one in page["behind"].values())
    assert not re.findall(r"https?://(?!www\.w3\.org/2000/svg)", text)
    assert explorer.state.actor == explorer.state.board["actor"][2]  # writing it moves nothing
    assert "A verdict here is a reason to look, not a finding." in text and digest_of(explorer.state.policy) in text


def parts_of(text: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What a page shows, and its dossiers."""
    state = re.search(r'id="state">(.*?)</script>', text, re.DOTALL)
    assert state is not None
    pages = re.findall(r'id="part-\d+">(.*?)</script>', text, re.DOTALL)
    return json.loads(state.group(1)), [json.loads(page) for page in pages]


@pytest.mark.slow
def test_a_page_of_many_is_made_at_once_and_says_what_each_dossier_says(tmp_path: Path) -> None:
    run = aura.simulate("fraud_unit", seed=3, days=60)
    for source, options in ((LOG, {"sla": "72h"}), (run, {}), (LOG, {"as_of": "2026-05-20"})):
        explorer = DossierExplorer(source, **options)  # type: ignore[arg-type]
        path = tmp_path / f"{len(options)}{type(source).__name__}{'as_of' in options}.html"
        seen: list[tuple[int, int]] = []
        explorer.export_html(path, rows=7, progress=lambda done, whole, seen=seen: seen.append((done, whole)))  # type: ignore[misc]
        _, pages = parts_of(path.read_text("utf-8"))
        assert seen[-1] == (len(pages), len(pages)) and len(seen) == explorer.state.board.height
        for page in pages:
            explorer.state.pick(page["actor"])
            behind, wrong = page.pop("behind"), page.pop("wrong")
            if page["kind"] == "officer":
                assert wrong["rows"] == explorer._behind("accepted_wrong_rate", 1_000, hits=True)["rows"]
            assert page == json.loads(json.dumps(explorer._detail())), page["actor"]
            for card in page["cards"]:
                want = explorer._behind(card["metric"], 7)
                assert behind[card["metric"]]["rows"] == want["rows"] and behind[card["metric"]]["total"] == want["total"], card


def test_two_people_and_two_periods_side_by_side() -> None:
    explorer = DossierExplorer(LOG, sla="72h")
    explorer.state.pick(ANNE)
    explorer.asked = {"beside": "officer_bob@sba.gov", "of": ANNE}
    explorer_of_bob = ExplorerState(LOG, sla="72h")
    explorer_of_bob.pick("officer_bob@sba.gov")
    assert explorer.beside["cards"] == explorer_of_bob.cards and explorer.beside["of"] == ANNE
    explorer.asked = {"beside": None, "of": ANNE}
    state = explorer.state
    assert state.as_of is not None and state.policy.window is not None
    before = aura.dossiers(LOG, state.as_of - state.policy.window, sla="72h").filter(actor=ANNE).row(0, named=True)
    assert {card["metric"]: card["n"] for card in explorer.beside["cards"]}["override_rate"] == str(before["override_rate_n"])
    explorer.asked = {"beside": "nobody", "of": ANNE}
    assert "nobody has this name" in explorer.failed["text"]
    explorer.asked = {"beside": None, "of": "somebody else"}
    assert "another dossier is open" in explorer.failed["text"]


@pytest.mark.slow
def test_another_window_is_another_board(ledger: aura.Ledger) -> None:
    ledger.record_events(LOG)
    explorer = DossierExplorer(ledger, follow=None)
    explorer.state.pick(ANNE)
    explorer.asked = {"look": {"window": "30d", "as_of": None}, "at": 5}
    board = aura.dossiers(LOG, window="30d", metrics=metrics_shown())
    assert explorer.state.board.sort("actor").drop("verdict").equals(board) and explorer.answered == 5
    assert "30 days" in explorer.said and "has not been measured" in explorer.card[0] and explorer.detail["actor"] == ANNE
    explorer.asked = {"look": {"window": "all", "as_of": "2026-05-20T23:59:59Z"}}
    assert explorer.state.board.height == aura.dossiers(LOG, "2026-05-20T23:59:59Z", "all").height
    explorer.asked = {"look": {"window": "sometimes", "as_of": None}}
    assert "window" in explorer.failed["text"] and explorer.state.window == "all"
    explorer.asked = {"look": {"window": "90d", "as_of": None}}
    assert explorer.state.board.equals(ExplorerState(LOG).board)


def test_what_is_seen_as_a_file() -> None:
    log = LOG.with_columns(actor=pl.col("actor").replace("officer_bob@sba.gov", "=cmd|x"))
    explorer = DossierExplorer(log)
    want = ["=cmd|x", ANNE]
    explorer.asked = {"file": "parquet", "actors": want}
    table = pl.read_parquet(io.BytesIO(explorer.download["data"]))
    assert table["actor"].to_list() == want and {"override_rate_lo", "pip_reasons"} <= set(table.columns)
    explorer.asked = {"file": "csv", "actors": want}
    assert pl.read_csv(io.BytesIO(explorer.download["data"]))["actor"].to_list() == ["'=cmd|x", ANNE]
    explorer.asked = {"file": "xlsx", "actors": want}
    book = zipfile.ZipFile(io.BytesIO(explorer.download["data"]))
    sheet = book.read("xl/sharedStrings.xml").decode()
    assert "'=cmd|x" in sheet and ANNE in sheet
    assert not any("<f>" in book.read(name).decode() for name in book.namelist() if "worksheets" in name)
    explorer.asked = {"file": "doc", "actors": want}
    assert "unknown kind of file" in explorer.failed["text"]


def test_cases_are_paged() -> None:
    explorer = DossierExplorer(LOG)
    explorer.state.pick(ANNE)
    whole = explorer.state.cases("override_rate")
    seen: list[str] = []
    first = explorer._behind("override_rate", 25)
    for page in range(first["pages"]):
        seen += [row[0] for row in explorer._behind("override_rate", 25, page)["rows"]]
    assert seen == whole["case_id"].to_list() and first["pages"] == -(-whole.height // 25)
    assert explorer._behind("override_rate", 25, 99)["page"] == first["pages"] - 1


def test_without_a_kernel_a_picture_and_a_sentence_remain() -> None:
    explorer = DossierExplorer(LOG)
    data, _ = explorer._repr_mimebundle_()
    assert data["text/plain"] == repr(explorer) and data["image/png"]


def test_a_policy_on_the_whole_log_is_read_over_the_whole_log() -> None:
    whole = Policy(
        {
            "name": "any",
            "window": None,
            "rules": [{"id": "pip", "when": {"metric": "override_rate", "above": 0.2, "anytime": 0.05}}],
        }
    )
    state = ExplorerState(LOG, whole)
    board = aura.dossiers(LOG, window="all")
    want = whole.evaluate(board)
    assert state.window == "all" and state.board.sort("actor").drop("verdict").equals(
        aura.dossiers(LOG, window="all", policy=whole, metrics=metrics_shown())
    )
    judged = state.board.filter(pl.col("verdict") != "not_judged").join(want.select("actor", want="verdict"), on="actor")
    assert judged["verdict"].to_list() == judged["want"].cast(pl.String).to_list()


def test_on_a_day_in_the_past_a_proposal_is_still_a_proposal(ledger: aura.Ledger) -> None:
    ledger.record_events(aura.sample_log(seed=7))
    explorer = DossierExplorer(ledger, as_of="2026-06-20", follow=None)
    explorer.state.pick(ANNE)
    explorer.asked = {"plan": ANNE, "by": "R. Roe", "days": 30}
    assert "It is a proposal" in explorer.plan["said"] and "1 proposal" in explorer.detail["standing"]
    assert explorer.plan["plan"]["starts"] >= aura.HRDesk(ledger).pending()["ts"].dt.date().cast(pl.String).item()
    assert explorer.detail["banner"]["under_way"] == "A proposal waits for a signature."


def test_who_drops_out_of_the_window_is_said_to(ledger: aura.Ledger, tmp_path: Path) -> None:
    verdict = {
        "type": "DECISION",
        "actor_kind": "officer",
        "agent": "gpt",
        "ai_recommendation": "APPROVE",
        "human_verdict": "APPROVE",
    }
    ledger.record_event({**verdict, "actor": "zed", "case_id": "Z", "ts": "2026-01-05T10:00:00Z"})
    explorer = DossierExplorer(ledger, follow=None)
    explorer.state.pick("zed")
    ledger.record_event({**verdict, "actor": "amy", "case_id": "A", "ts": "2026-08-05T10:00:00Z"})
    explorer.refresh()
    assert (
        explorer.detail["actor"] == "zed" and explorer.detail["kind"] == "officer" and "no events" in explorer.detail["reasons"][0]
    )
    assert "amy" in explorer.export_html(tmp_path / "page.html").read_text("utf-8") and explorer.state.actor == "zed"
    with pytest.raises(ParameterError, match="no verdict"):
        explorer.state.draft()


def test_a_calendar_counts_in_the_series_too() -> None:
    office = aura.Calendar(hours=dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), ("09:00", "17:00")))
    state = ExplorerState(LOG, calendar=office)
    state.pick(ANNE)
    _, wide = state.series_window
    row = aura.dossiers(LOG, window=wide, calendar=office).filter(actor=ANNE).row(0, named=True)
    assert state.series["avg_processing_hours"]["value"][-1] == pytest.approx(row["avg_processing_hours"], rel=1e-12)


def test_nobody_looks_nobody_follows(ledger: aura.Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    from aura_analytics.widgets.explorer import view as module

    ledger.record_events(LOG)
    monkeypatch.setattr(module, "_MINUTE", 0.3)
    explorer = DossierExplorer(ledger, follow=0.02)
    thread = explorer._thread
    assert thread is not None and thread.is_alive()
    thread.join(10)
    assert not thread.is_alive() and not explorer.following
    explorer.here = 1.0  # somebody looks again
    assert explorer.following and explorer._thread is not None and explorer._thread.is_alive()
    explorer.close()
    explorer._thread.join(10)
    assert not explorer._thread.is_alive()


def test_every_threshold_is_drawn() -> None:
    two = Policy(
        {
            "name": "two",
            "rules": [
                {"id": "low", "when": {"metric": "sat_score_mean", "below": 3}},
                {"id": "very", "when": {"metric": "sat_score_mean", "below": 2}},
            ],
        }
    )
    assert ExplorerState(LOG, two).thresholds == {"sat_score_mean": [2.0, 3.0]}


def test_a_look_that_fails_loses_nothing_and_stays_said(ledger: aura.Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    from aura_analytics.ledger import subscription
    from aura_analytics.widgets.explorer.view import _followed

    ordered = LOG.sort("ts", "event_id")
    ledger.record_events(ordered.head(4_000))
    explorer = DossierExplorer(ledger, follow=None)
    state = explorer.state
    ledger.record_events(ordered.slice(4_000, 500))
    asked, real = [0], ledger.after

    def breaks(*given: Any) -> Any:
        asked[0] += 1
        if asked[0] == 2:
            raise OSError("database is locked")
        return real(*given)

    with monkeypatch.context() as once:
        once.setattr(subscription, "_MOST", 300)  # two looks
        once.setattr(ledger, "after", breaks)
        with pytest.raises(OSError, match="locked"):
            explorer.refresh()
    ledger.record_events(ordered.slice(4_500, 10))
    with monkeypatch.context() as once:
        once.setattr(state._state, "append", lambda *_: (_ for _ in ()).throw(MemoryError("full")))
        with pytest.raises(MemoryError):
            explorer.refresh()
    with monkeypatch.context() as once:
        once.setattr(explorer, "_detail", lambda: (_ for _ in ()).throw(ValueError("not now")))
        with pytest.raises(ValueError, match="not now"):
            explorer.refresh()
    explorer.refresh()
    fresh = DossierExplorer(ordered.head(4_510), follow=None)
    assert state.board.equals(fresh.state.board) and explorer.people == fresh.people and explorer.said.split(";")[0] in fresh.said
    # what a look says of its failure stays until a look succeeds
    monkeypatch.setattr(state, "refresh", lambda: (_ for _ in ()).throw(OSError("gone")))
    stop = threading.Event()
    follower = threading.Thread(target=_followed, args=(weakref.ref(explorer), stop, 0.01))
    follower.start()
    limit = time.monotonic() + 10
    while not explorer.failed and time.monotonic() < limit:
        time.sleep(0.01)
    assert "OSError: gone" in explorer.failed["text"]
    stop.set()
    follower.join()


def test_a_date_in_the_future_is_said(ledger: aura.Ledger) -> None:
    ledger.record_events(LOG)
    explorer = DossierExplorer(ledger, follow=None)
    assert "future" not in explorer.said
    ledger.record_event({"type": "SAT_SCORE", "case_id": "unknown", "value": 3, "ts": "2062-01-01"})
    explorer.refresh()
    assert "dated in the future" in explorer.said
    for actor in (ANNE, None):  # somebody without events in the window, and an empty board
        assert explorer.state.board.is_empty() or actor is None or explorer.detail["actor"]
    assert ExplorerState(aura.events.empty()).found() == []


def test_the_picture_shows_the_verdicts_of_the_page() -> None:
    lasting = Policy(
        {
            "name": "two",
            "persistence": {"k": 1, "m": 3, "step": "20d"},
            "rules": [{"id": "rate", "when": {"metric": "override_rate", "above": 0.2}}],
        }
    )
    explorer = DossierExplorer(LOG, lasting)
    board = explorer.state.board
    assert (board["verdict"] != board["pip_status"].cast(pl.String)).any()  # one reading says other than three
    assert explorer.picture() != DossierExplorer(LOG).picture()


def test_one_wrong_date_empties_no_board(ledger: aura.Ledger) -> None:
    verdict = {"type": "DECISION", "actor": "zed", "actor_kind": "officer", "agent": "gpt", "ai_recommendation": "APPROVE"}
    ledger.record_event({**verdict, "human_verdict": "APPROVE", "case_id": "Z", "ts": "2026-01-05T10:00:00Z"})
    explorer = DossierExplorer(ledger, follow=None)
    explorer.state.pick("zed")
    ledger.record_event({"type": "SAT_SCORE", "case_id": "unknown", "value": 3, "ts": "2062-01-01"})
    before = explorer.state.board
    assert explorer.refresh() == 1 and explorer.state.board.equals(before) and before.height
    assert "2062-01-01" in explorer.said and "dated in the future" in explorer.said
    assert "2062" not in explorer.detail["reasons"][0] and explorer.failed == {}


@pytest.mark.slow
def test_what_is_followed_says_so_and_goes_on(ledger: aura.Ledger, tmp_path: Path) -> None:
    ledger.record_events(LOG)
    followed, still = DossierExplorer(ledger, follow=5.0), DossierExplorer(ledger, follow=None)
    # the front end goes on saying that somebody looks
    assert followed.live and "follows the ledger" in followed.said
    assert not still.live and "follows" not in still.said and not DossierExplorer(LOG).live
    assert "follows the ledger" not in followed.export_html(tmp_path / "page.html").read_text("utf-8").split("</script>")[0]
    followed.close()


def test_the_table_tells_who_recommended_and_who_decided() -> None:
    explorer = DossierExplorer(LOG)
    explorer.state.pick(ANNE)
    explorer.asked = {"behind": "override_rate"}
    columns = explorer.behind["columns"]
    assert columns[:6] == ["case", "when (UTC)", "override", "agent", "recommended", "decided"]
    first = explorer.state.cases("override_rate").row(0, named=True)
    assert explorer.behind["rows"][0][3:6] == [first["agent"], first["ai_recommendation"], first["human_verdict"]]


def test_a_brief_that_cannot_be_written_says_why(tmp_path: Path) -> None:
    from aura_analytics.widgets import write_brief

    with pytest.raises(ParameterError, match="needs a window"):
        write_brief(LOG, tmp_path / "b.html", window="all")
    with pytest.raises(ParameterError, match="nobody in the log"):
        write_brief(aura.events.empty(), tmp_path / "b.html")
    assert not (tmp_path / "b.html").exists()


@pytest.mark.slow
def test_a_number_without_a_rolling_series_is_counted_anew() -> None:
    explorer = DossierExplorer(LOG, sla="72h")
    explorer.state.pick(ANNE)
    explorer.asked = {"line": "processing_hours_median", "of": ANNE}
    said = explorer.line
    assert said["actor"] == ANNE and said["metric"] == "processing_hours_median" and len(said["at"]) > 8
    assert said["at"][-1] == int(explorer.state.as_of.timestamp() * 1000)  # type: ignore[union-attr]
    for place in (3, -1):
        end = datetime.fromtimestamp(said["at"][place] / 1000, tz=timezone.utc)
        row = aura.dossiers(LOG, counted_series(explorer.state, "processing_hours_median")["as_of"][place], sla="72h")
        assert abs((row["as_of"][0] - end).total_seconds()) < 0.01
        assert said["value"][place] == pytest.approx(row.filter(actor=ANNE)["processing_hours_median"].item(), abs=1e-5)
    for name in explorer.state.metrics:  # every number has one, be it empty
        assert counted_series(explorer.state, name, 2).columns[:3] == ["as_of", "value", "n"]


def test_only_what_was_accepted_although_wrong() -> None:
    explorer = DossierExplorer(aura.simulate("fraud_unit", seed=3, days=60))
    explorer.state.pick("rubber_stamp")
    explorer.asked = {"behind": "accepted_wrong_rate", "hits": True, "of": "rubber_stamp"}
    whole = explorer.state.cases("accepted_wrong_rate")
    assert explorer.behind["total"] == whole.filter(pl.col("value") == 1).height < whole.height
    assert {row[2] for row in explorer.behind["rows"]} == {"yes"}


@pytest.mark.parametrize("given", [{"most": 0}, {"most": -1}, {"rows": 0}, {"rows": -1}, {"most": 2.5}])
def test_pages_of_nobody_are_refused(given: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="out of range"):
        DossierExplorer(LOG).export_html(tmp_path / "p.html", **given)
    assert not list(tmp_path.iterdir())


def test_a_moment_before_the_log_is_said() -> None:
    assert "no events in the window up to 2020-01-01" in repr(DossierExplorer(LOG, as_of="2020-01-01"))
