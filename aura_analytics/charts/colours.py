"""The colours of charts: light, dark, and stand-ins that become CSS variables of the page around a chart.

The colours of the verdicts are those of Okabe and Ito's palette, which people with the common colour blindnesses can tell
apart; every chart repeats them as shape or text. Lines that stand for nothing else never have the colour of a flag.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

__all__ = ["DARK", "INLINE", "LIGHT", "VERDICTS", "Theme", "variables"]

VERDICTS = ("flag", "watch", "clear", "insufficient")


@dataclass(frozen=True)
class Theme:
    """Colours of a chart."""

    ink: str
    muted: str
    grid: str
    accent: str
    flag: str
    watch: str
    clear: str
    insufficient: str
    second: str
    third: str
    fourth: str

    @property
    def series(self) -> list[str]:
        """Colours of lines that stand for nothing else: no flag is among them."""
        return [self.accent, self.second, self.third, self.fourth, self.ink, self.muted]

    @property
    def verdicts(self) -> list[str]:
        """Colours of `VERDICTS`, in their order."""
        return [getattr(self, name) for name in VERDICTS]


_DAY = ("#1b1f24", "#5b6470", "#e3e6ea", "#0072b2", "#b34700", "#8a5f00", "#0071b3", "#68707a", "#00795a", "#8a3fa0", "#6b5b2e")
_NIGHT = ("#eceff3", "#a2abb6", "#343a42", "#56b4e9", "#ff8a3d", "#f0b429", "#56b4e9", "#98a1ac", "#3cc9a0", "#d79be6", "#cdbb86")
LIGHT = Theme(*_DAY)
DARK = Theme(*_NIGHT)
# stand-ins that no chart would use by chance; `render.svg` turns them into var(--name), so one picture follows the page
INLINE = Theme(*(f"#0a0b{number:02x}" for number in range(1, 12)))


def variables(theme: Theme) -> str:
    """The theme as CSS custom properties."""
    return "; ".join(f"--{name}: {colour}" for name, colour in asdict(theme).items())
