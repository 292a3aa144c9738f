"""Write the pins that come on standard input into `[tool.uv]` of pyproject.toml."""

import re
import sys
from pathlib import Path

path = Path(__file__).parent.parent / "pyproject.toml"
pins = sorted({line.strip() for line in sys.stdin if re.match(r"^[a-z0-9]", line)})
block = "# pins: begin (written by .ci/pin)\nconstraint-dependencies = [\n"
block += "".join('  "' + pin.replace('"', "'") + '",\n' for pin in pins) + "]\n# pins: end\n"
text = re.sub(r"# pins: begin.*?# pins: end\n", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
path.write_text(text.replace("[tool.uv]\n", "[tool.uv]\n" + block, 1), encoding="utf-8")
