"""A built site: every link to a page of its own leads there, and no page loads anything from another host."""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

_LOADS = {"script": "src", "img": "src", "iframe": "src", "source": "src", "audio": "src", "video": "src"}


class _Page(HTMLParser):
    """Anchors of a page, what it links to, and what it loads."""

    def __init__(self) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.anchors |= {value for name in ("id", "name") if (value := given.get(name))}
        if tag == "a" and (link := given.get("href")):
            self.links.append(link)
        loaded = (
            given.get("href")
            if tag == "link" and given.get("rel") in ("stylesheet", "preload", "icon")
            else given.get(_LOADS.get(tag, ""))
        )
        if loaded:
            self.loads.append(loaded)


def main(site: Path) -> int:
    """Check it; the exit code."""
    pages: dict[Path, _Page] = {}
    for path in site.rglob("*.html"):
        pages[path] = _Page()
        pages[path].feed(path.read_text("utf-8"))
    wrong = []
    for path, page in pages.items():
        name = path.relative_to(site)
        wrong += [
            f"{name} loads {one[:100]}" for one in page.loads if urlsplit(one).scheme in ("http", "https") or one.startswith("//")
        ]
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or link.startswith("//"):
                continue
            target = path if not parts.path else (path.parent / unquote(parts.path)).resolve()
            target = target / "index.html" if target.is_dir() else target
            if not target.exists():
                wrong.append(f"{name} links to {link}, which is not there")
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
                wrong.append(f"{name} links to {link}, where that place is not")
    print("\n".join(sorted(set(wrong))) or f"{len(pages)} pages, every link leads somewhere, nothing from elsewhere")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
