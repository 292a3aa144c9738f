"""Pictures of charts, made here and without a network."""

from __future__ import annotations

import json
import re
import zlib
from dataclasses import asdict
from typing import TYPE_CHECKING

from aura_analytics.charts.theme import INLINE
from aura_analytics.errors import ParameterError, Problem
from aura_analytics.texts import escaped_within

if TYPE_CHECKING:
    import altair as alt

__all__ = ["png", "spec_of", "svg"]


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


def svg(chart: alt.LayerChart | alt.FacetChart | alt.Chart) -> str:
    """SVG of a chart; a chart in the `INLINE` theme takes its colours from the CSS variables around it."""
    import vl_convert

    text = str(vl_convert.vegalite_to_svg(spec_of(chart)))
    for name, stand_in in asdict(INLINE).items():
        text = re.sub(re.escape(stand_in), f"var(--{name})", text, flags=re.IGNORECASE)
    return text


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
