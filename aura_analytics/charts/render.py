"""Pictures of charts, made here and without a network."""

from __future__ import annotations

import html
import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

from aura_analytics.charts.colours import DARK, INLINE, LIGHT
from aura_analytics.errors import ParameterError, Problem
from aura_analytics.texts import escaped_within

if TYPE_CHECKING:
    import altair as alt

__all__ = ["inline_svg", "png", "spec_of", "svg"]


def spec_of(chart: alt.LayerChart | alt.FacetChart | alt.Chart) -> str:
    """The Vega-Lite specification of a chart, the same bytes every time."""
    spec = chart.to_dict()
    rows = [len(data) for data in spec.get("datasets", {}).values()]
    if sum(rows) > 5_000:
        raise ParameterError(
            Problem("too many rows for one chart", got=sum(rows), expected="at most 5,000", next="aggregate first")
        )
    # a control character in a name would stop the drawing, and the process with it
    return json.dumps(escaped_within(spec), sort_keys=True, ensure_ascii=False)


def svg(chart: alt.LayerChart | alt.FacetChart | alt.Chart, opens: Mapping[str, str] | None = None) -> str:
    """SVG of a chart; a chart in the `INLINE` theme takes its colours from the CSS variables around it. Its marks say their numbers
    when one points at them.

    Parameters
    ----------
    chart
        The chart.
    opens
        Where a press on an actor's mark leads to, by name.
    """
    import vl_convert

    text = str(vl_convert.vegalite_to_svg(spec_of(chart)))
    for name, stand_in in asdict(INLINE).items():
        text = re.sub(re.escape(stand_in), f"var(--{name})", text, flags=re.IGNORECASE)
    return _marked(text, opens or {})


_COLOURS = {colour: name for name, colour in asdict(LIGHT).items()}
# what a notebook calls its ink and lines; where there is none, the colours of the day, or of the night
_INK = {"ink": "--jp-ui-font-color1", "muted": "--jp-ui-font-color2", "grid": "--jp-border-color2"}
_DARK = ("[data-jp-theme-light=false] ", "body.vscode-dark ", "[data-theme=dark] ")


def inline_svg(chart: alt.LayerChart | alt.FacetChart | alt.Chart, says: str) -> str:
    """SVG for the inside of a page that may be dark: the colours of the light theme are those of the page, its marks say their
    numbers when one points at them, and the whole says its sentence.

    Parameters
    ----------
    chart
        A chart in the `LIGHT` theme; other colours stay as they are.
    says
        Its sentence.
    """
    import vl_convert

    text = str(vl_convert.vegalite_to_svg(spec_of(chart)))
    for colour, name in _COLOURS.items():
        text = re.sub(f'(?<=="){colour}(?=")', f"var(--{name}, {colour})", text, flags=re.IGNORECASE)
    inside = "".join(f"--{name}: var({known}, {getattr(LIGHT, name)}); " for name, known in _INK.items())
    night = "; ".join(f"--{name}: {colour}" for name, colour in asdict(DARK).items() if name not in _INK)
    style = f".aura-chart {{ {inside}}} {', '.join(f'{place}.aura-chart' for place in _DARK)} {{ {night} }}"
    label = html.escape(says, quote=True)
    text = _marked(text, {})
    head = f'class="marks aura-chart" role="img" aria-label="{label}" style="max-width:100%;height:auto"'
    return text.replace('class="marks"', head, 1).replace(">", f"><style>{style}</style>", 1)


# a mark that says its values: the path of a symbol, without a title yet
_MARK = re.compile(r'(<path aria-label="([^"]*)" role="graphics-symbol"[^>]*?)/>|$^')


def _marked(text: str, opens: Mapping[str, str]) -> str:
    def mark(found: re.Match[str]) -> str:
        made = f"{found[1]}><title>{found[2]}</title></path>"
        told = re.search(r"(?:^|; )actor: (.*?)(?:; \w+: |$)", html.unescape(found[2]))
        place = opens.get(told[1]) if told else None
        return made if place is None else f'<a href="{html.escape(place, quote=True)}">{made}</a>'

    return _MARK.sub(mark, text)


def png(chart: alt.LayerChart | alt.FacetChart | alt.Chart, *, scale: float = 1.0) -> bytes:
    """PNG of a chart, at 96 dots per inch times `scale`."""
    import vl_convert

    return _packed(bytes(vl_convert.vegalite_to_png(spec_of(chart), scale=scale, ppi=96)))


def _packed(picture: bytes) -> bytes:
    """The same picture in a fifth of the bytes: its data was compressed for speed, and pictures stay in notebooks."""
    signature, at, chunks = picture[:8], 8, []
    while at < len(picture):
        size = int.from_bytes(picture[at : at + 4])
        chunks.append((picture[at + 4 : at + 8], picture[at + 8 : at + 8 + size]))
        at += 12 + size
    data = zlib.compress(zlib.decompress(b"".join(body for kind, body in chunks if kind == b"IDAT")), 9)
    head = [chunk for chunk in chunks if chunk[0] not in (b"IDAT", b"IEND")]
    parts = [*head, (b"IDAT", data), (b"IEND", b"")]
    return signature + b"".join(len(body).to_bytes(4) + kind + body + zlib.crc32(kind + body).to_bytes(4) for kind, body in parts)
