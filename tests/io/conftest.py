"""Ways to import a log: what is right of one is right of all."""

from __future__ import annotations

import pytest


@pytest.fixture(params=["at once", pytest.param("in pieces", marks=pytest.mark.slow)])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Logs as they are imported when they are small, and as large ones are: in pieces, here of very few rows."""
    from aura_analytics.io import imported, log_pieces

    if request.param == "in pieces":
        monkeypatch.setattr(imported, "ROWS", 1)
        monkeypatch.setattr(log_pieces, "BYTES_A_ROW", 20)
    return str(request.param)
