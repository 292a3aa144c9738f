"""Settings come from the environment, and a wrong one is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from aura_analytics import Ledger, settings
from aura_analytics.errors import ParameterError

ROOT = Path(__file__).parent.parent


def test_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AURA_LEDGER", "AURA_LEDGER_TIMEOUT", "AURA_MIRROR"):
        monkeypatch.delenv(name, raising=False)
    assert (settings.ledger_url(), settings.ledger_timeout(), settings.mirror_folder()) == ("sqlite:///aura.db", 30.0, None)


@pytest.mark.parametrize("text", ["soon", "-1", "nan", "1e9"])
def test_a_timeout_that_is_none(monkeypatch: pytest.MonkeyPatch, text: str, tmp_path: Path) -> None:
    monkeypatch.setenv("AURA_LEDGER_TIMEOUT", text)
    with pytest.raises(ParameterError, match="AURA_LEDGER_TIMEOUT cannot be read"):
        Ledger(tmp_path / "aura.db")


def test_the_mirror_s_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert Ledger(tmp_path / "a.db")._mirror._folder == Path(f"{tmp_path / 'a.db'}.mirror")  # type: ignore[union-attr]
    monkeypatch.setenv("AURA_MIRROR", str(tmp_path / "elsewhere"))
    assert Ledger(tmp_path / "a.db")._mirror._folder.parent == tmp_path / "elsewhere"  # type: ignore[union-attr]
    monkeypatch.setenv("AURA_MIRROR", "off")
    assert Ledger(tmp_path / "a.db")._mirror is None


def test_every_setting_stands_in_both_tables() -> None:
    text = (ROOT / "docs/reference/settings.md").read_text()
    source = (ROOT / "aura_analytics/settings.py").read_text()
    names = {word.strip('"') for word in source.replace("(", " ").replace(")", " ").split() if word.startswith('"AURA_')}
    assert names == {
        "AURA_LEDGER",
        "AURA_LEDGER_TIMEOUT",
        "AURA_CONNECTIONS",
        "AURA_MIRROR",
        "AURA_FILE_MODE",
        "AURA_REGISTRY",
    }
    for name in names:
        assert f"| `{name}` |" in text
        assert f"`{name}` " in (settings.__doc__ or "")
