"""A board shows itself: a table in a notebook, a sentence on a terminal; and it stays a frame."""

from __future__ import annotations

import pickle
import re

import polars as pl
from polars.testing import assert_frame_equal

import aura_analytics as aura
from aura_analytics.dossier.shown import Board, board_html

LOG = aura.sample_log(1_500, seed=3)


def test_the_table_is_the_board() -> None:
    board = aura.dossiers(LOG, policy="evidence_gated")
    page = board._repr_html_()
    rows = re.findall(r"<tr><td>([^<]*)</td><td><span class=\"(\w+)\">", page)
    people = board.filter(pl.col("actor_kind") == "officer")
    order = [name for name, _ in rows][: people.height]
    assert set(order) == set(people["actor"]) and rows[0] == ("officer_anne@sba.gov", "flag")
    ranks = [["flag", "watch", "clear", "insufficient", "not_judged"].index(verdict) for _, verdict in rows[: people.height]]
    assert ranks == sorted(ranks)
    anne = people.filter(actor="officer_anne@sba.gov").row(0, named=True)
    assert f"{100 * anne['override_rate']:.1f} %" in page and "not flagged" in page and ">clear<" not in page
    assert not re.findall(r"https?://", page)


def test_words_for_a_terminal() -> None:
    board = aura.dossiers(LOG, policy="evidence_gated")
    said = repr(board).splitlines()[0]
    tally = dict(board["pip_status"].cast(pl.String).value_counts().iter_rows())
    assert said.startswith(f"{board.height} actors over 90 days up to 2026-06-29, by evidence_gated 1: {tally['flag']} flag")
    assert f"{tally['clear']} not flagged" in said
    agents = board.filter(pl.col("actor_kind") == "agent").height
    assert f"{tally['insufficient'] - agents} insufficient, {agents} not judged" in said
    assert "80 % intervals" in aura.dossiers(LOG, confidence=0.8)._repr_html_()
    assert repr(aura.dossiers(aura.events.empty())).startswith("No actors")


def test_it_stays_a_frame() -> None:
    board = aura.dossiers(LOG)
    plain = pl.DataFrame(board)
    assert isinstance(board, pl.DataFrame) and isinstance(board, Board)
    assert_frame_equal(board, plain)
    assert board.equals(plain) and pickle.loads(pickle.dumps(board)).equals(plain)
    part = board.select("actor", "override_rate")
    assert "aura-board" not in part._repr_html_() and "override_rate" in repr(part)
    assert board.filter(pl.col("actor") == "nobody").is_empty() and pl.concat([board, board]).height == 2 * board.height
    assert board_html(board.drop("counted")) is None


def test_names_are_text() -> None:
    evil = '<img src=x onerror="alert(1)">'
    page = aura.dossiers(LOG.with_columns(actor=pl.lit(evil)))._repr_html_()
    assert "<img" not in page and "&lt;img" in page
