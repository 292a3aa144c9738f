"""Whether the locked packages are what they should be, and which of them have a known weakness.

`advisories.json` holds what the Python Packaging Advisory Database says of the packages that are locked: names, ids, and ranges of
versions. It was made by `refresh`, at the date that it says; what became known later is not in it.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import yaml
from packaging.version import InvalidVersion, Version

HERE = Path(__file__).parent
ADVISORIES = HERE / "advisories.json"
ACCEPTED = HERE / "accepted.json"  # id of an advisory: why it does not matter here


def plain(name: str) -> str:
    """A package's name in its normal form."""
    return re.sub(r"[-_.]+", "-", name).lower()


def locked(lock: Path) -> list[dict[str, Any]]:
    """The packages of a lock file, without the project itself."""
    packages = tomllib.loads(lock.read_text(encoding="utf-8"))["package"]
    return [one for one in packages if not {"editable", "virtual"} & set(one["source"])]


def unsound(package: dict[str, Any]) -> list[str]:
    """What is wrong with how a package is locked."""
    files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
    name = f"{package['name']} {package.get('version')}"
    found = [] if set(package["source"]) == {"registry"} else [f"{name} comes from {package['source']}, expected an index"]
    if not files:
        found.append(f"{name} has no file")
    found += [f"{name}: a file without a SHA-256" for file in files if not file.get("hash", "").startswith("sha256:")]
    return found


def is_affected(version: Version, advisory: dict[str, Any]) -> bool:
    """Whether a version lies in a range of an advisory, or is listed by it."""
    if str(version) in advisory["versions"]:
        return True
    for events in advisory["ranges"]:
        inside = False
        for kind, text in events:
            try:
                bound = Version(text)
            except InvalidVersion:
                continue
            if kind == "introduced" and version >= bound:
                inside = True
            elif (kind == "fixed" and version >= bound) or (kind == "last_affected" and version > bound):
                inside = False
        if inside:
            return True
    return False


def weaknesses(packages: list[dict[str, Any]], advisories: dict[str, list[dict[str, Any]]]) -> Iterator[tuple[str, str]]:
    """Id of an advisory, and the package that it is about."""
    for package in packages:
        for advisory in advisories.get(plain(package["name"]), []):
            if is_affected(Version(package["version"]), advisory):
                yield advisory["id"], f"{package['name']} {package['version']} ({', '.join(advisory['aliases'])})"


def check(lock: Path, bill: Path) -> int:
    """Say what is wrong; 0 when nothing is."""
    packages = locked(lock)
    problems = [problem for package in packages for problem in unsound(package)]
    known = json.loads(ADVISORIES.read_text(encoding="utf-8"))
    accepted = json.loads(ACCEPTED.read_text(encoding="utf-8"))
    met = dict(weaknesses(packages, known["packages"]))
    problems += [f"{what}: {name}" for name, what in met.items() if name not in accepted]
    problems += [f"{name} is accepted, and met no more: take it out" for name in accepted if name not in met]
    components = json.loads(bill.read_text(encoding="utf-8"))["components"]
    names = {(plain(one["name"]), one["version"]) for one in components}
    every = {(plain(one["name"]), one["version"]) for one in packages}
    problems += [f"{name} {version} is in the bill of materials, and not locked" for name, version in sorted(names - every)]
    wanted = {plain(re.split(r"[^A-Za-z0-9._-]", one)[0]) for one in needed()}
    problems += [f"{name} is needed, and not in the bill of materials" for name in sorted(wanted - {name for name, _ in names})]
    for problem in problems:
        print(problem)
    age = (date.today() - date.fromisoformat(known["as_of"])).days  # noqa: DTZ011
    print(f"{len(packages)} packages locked, {len(names)} of them shipped; advisories as of {known['as_of']}, {age} days old")
    return int(bool(problems))


def needed() -> list[str]:
    """What the package asks for, with all its extras."""
    project = tomllib.loads((HERE.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [one for group in project.get("optional-dependencies", {}).values() for one in group]
    return [one for one in [*project["dependencies"], *extras] if not one.startswith("aura-analytics")]


def refresh(folder: Path) -> int:
    """Read the advisories anew."""
    found: dict[str, list[dict[str, Any]]] = {}
    for name in sorted({plain(one["name"]) for one in locked(HERE.parent / "uv.lock")}):
        for path in sorted((folder / "vulns" / name).glob("*.yaml")):
            said = yaml.safe_load(path.read_text(encoding="utf-8"))
            if said.get("withdrawn"):
                continue
            for affected in said["affected"]:
                ranges = [one["events"] for one in affected.get("ranges", []) if one["type"] == "ECOSYSTEM"]
                found.setdefault(name, []).append(
                    {
                        "id": said["id"],
                        "aliases": said.get("aliases", []),
                        "ranges": [[next(iter(event.items())) for event in events] for events in ranges],
                        "versions": [] if ranges else affected.get("versions", []),
                    }
                )
    git = ["git", "-C", str(folder), "log", "-1", "--format=%cs"]
    as_of = subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()
    about = "Facts of the Python Packaging Advisory Database (CC BY 4.0), https://github.com/pypa/advisory-database"
    lines = [f"  {json.dumps(name)}: [\n   " + ",\n   ".join(map(json.dumps, each)) + "\n  ]" for name, each in found.items()]
    head = f' "source": {json.dumps(about)},\n "as_of": "{as_of}",\n "packages": '
    ADVISORIES.write_text("{\n" + head + "{\n" + ",\n".join(lines) + "\n }\n}\n", encoding="utf-8")
    print(f"{sum(map(len, found.values()))} advisories of {len(found)} packages, as of {as_of}")
    return 0


if __name__ == "__main__":
    what, *arguments = sys.argv[1:]
    sys.exit(refresh(Path(arguments[0])) if what == "refresh" else check(Path(arguments[0]), Path(arguments[1])))
