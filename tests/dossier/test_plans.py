"""Boards are plans that polars can send elsewhere: each can be written down, read again, and gives the same."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import aura_analytics as aura
from aura_analytics.metrics import METRICS


@pytest.mark.parametrize("options", [{"sla": "48h"}, {"window": "all", "attribution": "all_deciders", "holding": "holder"}])
def test_every_query_of_a_board_can_be_sent(options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    aura.sample_log(800, seed=5).write_parquet(tmp_path / "log.parquet")
    metrics = [name for name, one in METRICS.items() if "sla" in options or not one.needs_sla]

    def board() -> pl.DataFrame:
        return aura.dossiers(pl.scan_parquet(tmp_path / "log.parquet"), metrics=metrics, **options)

    here = board()
    collect, sent = pl.LazyFrame.collect, []

    def elsewhere(plan: pl.LazyFrame, **how: Any) -> Any:
        sent.append(plan.serialize())
        return collect(pl.LazyFrame.deserialize(io.BytesIO(sent[-1])), **how)

    monkeypatch.setattr(pl.LazyFrame, "collect", elsewhere)
    assert board().equals(here)
    assert len(sent) > 10
