"""A widget as a page."""

from pathlib import Path
from typing import Any

import polars as pl

from aura_analytics import dossiers
from aura_analytics.io.front_door import EventsLike
from aura_analytics.rules.policy import PolicyLike, as_policy
from aura_analytics.widgets.pages import PageMaker


def _written(events: EventsLike, policy: PolicyLike, path: Path, **options: Any) -> tuple[Path, str, list[str]]:
    rules = as_policy(policy)
    verdicts = rules.evaluate(dossiers(events, policy=rules, **options))
    flagged = verdicts.filter(pl.col("verdict") == "flag")["actor"].to_list()
    path.write_text("<ul>" + "".join(f"<li>{name}</li>" for name in flagged) + "</ul>", encoding="utf-8")
    return path, f"{len(flagged)} names", flagged


roster = PageMaker("roster", _written)
