"""What outcomes teach about components: multipliers, as the source has them and as they are sound."""

from __future__ import annotations

from aura_analytics.learning.multipliers import from_counts, shrunk

__all__ = ["from_counts", "shrunk"]
