"""Every address in the built pages leads to a file and a place that are there: `python website/links.py build/site`."""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Reader(HTMLParser):
    """The places of a page, and the addresses that it names: where links lead, and what is loaded with it."""

    def __init__(self) -> None:
        super().__init__()
        self.places: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.places |= {found[name] for name in ("id", "name") if found.get(name)}
        if found.get("href"):
            (self.loaded if tag == "link" and found.get("rel") in ("stylesheet", "icon") else self.links).append(
                found["href"]
            )
        if found.get("src"):
            self.loaded.append(found["src"])


def faults(site: Path) -> list[str]:
    """What is wrong, a line for each."""
    pages = {}
    for path in sorted(site.rglob("*.html")):
        pages[path.resolve()] = reader = Reader()
        reader.feed(path.read_text(encoding="utf-8"))
    found = [] if pages else [f"{site}: no pages are there"]
    for path, reader in pages.items():
        where = path.relative_to(site.resolve())
        found += [f"{where}: loads {url}" for url in reader.loaded if urlsplit(url).scheme in ("http", "https")]
        for url in {*reader.links, *reader.loaded}:
            parts = urlsplit(url)
            if parts.scheme or parts.netloc or (where.name == "404.html" and url.startswith("/")):
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            if not target.exists():
                found.append(f"{where}: {url} is not there")
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].places:
                found.append(f"{where}: {url} has no such place")
    return found


if __name__ == "__main__":
    wrong = faults(Path(sys.argv[1]))
    print("\n".join(wrong) or "all links lead somewhere")
    sys.exit(bool(wrong))
