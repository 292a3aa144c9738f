"""The tutorial's exercise: `python -m aura_analytics.mock_server` serves an empty ledger on port 9300, to this machine.

::

    curl -X POST localhost:9300/event -d '{"type":"OVERRIDE","actor":"test@agency.gov"}'
    curl localhost:9300/dossier/test@agency.gov

The ledger is in a temporary folder, and gone when the server ends.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until Ctrl-C.

    Parameters
    ----------
    arguments
        `--port NUMBER`; default those of the command line.
    """
    from aura_analytics.service.options import ServiceOptions
    from aura_analytics.service.serving import serve

    parser = argparse.ArgumentParser(
        "python -m aura_analytics.mock_server", description="The tutorial's server, on an empty ledger."
    )
    parser.add_argument("--port", type=int, default=9300)
    port = parser.parse_args(arguments).port
    with tempfile.TemporaryDirectory(prefix="aura-mock-") as folder:
        serve(
            ServiceOptions.from_environment(ledger=f"sqlite:///{folder}/aura.db", port=port, access="open", rate="1000000/minute")
        )


if __name__ == "__main__":
    main()
