"""The site of docs/: built without a warning, whole, and without anything from the network."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from pipeline.config import Params

pytest.importorskip("mkdocs")
from docs.hooks.docstrings import described
from docs.hooks.library import rooms
from docs.hooks.params import commented, reference

ROOT = Path(__file__).parents[2]


class Links(HTMLParser):
    """What a page loads, and where its links lead."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.linked: list[str] = []
        self.names: set[str] = set()
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value for name, value in attrs if value}
        self.names |= {found[name] for name in ("id", "name") if name in found}
        if tag == "a" and "href" in found:
            self.linked.append(found["href"])
        elif "src" in found or (tag == "link" and "href" in found and found.get("rel") != "canonical"):
            self.loaded.append(found.get("src") or found["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(place)]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return place


def pages(site: Path) -> Iterator[tuple[Path, Links]]:
    for page in sorted(site.rglob("*.html")):
        if page.name != "404.html":
            yield page, Links(page)


@pytest.mark.slow
def test_nothing_comes_from_the_network(site: Path) -> None:
    loaded = [(page.name, address) for page, links in pages(site) for address in links.loaded]
    assert len(loaded) > 100
    assert not [one for one in loaded if urlsplit(one[1]).netloc]
    for style in site.rglob("*.css"):
        assert not re.findall(r"(?:url\(|@import)\s*['\"]?(?:https?:)?//", style.read_text(encoding="utf-8")), style


@pytest.mark.slow
def test_every_link_within_the_site_leads_somewhere(site: Path) -> None:
    """Those of generated pages and of README.md, too, with their anchors."""
    found = dict(pages(site))
    lost = []
    for page, links in found.items():
        for link in links.linked + links.loaded:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            if not target.is_file() or (parts.fragment and unquote(parts.fragment) not in found[target].names):
                lost.append((page.relative_to(site).as_posix(), link))
    assert lost == []


@pytest.mark.slow
def test_every_page_and_every_room_is_there(site: Path) -> None:
    for page in (ROOT / "docs").glob("*.md"):
        assert (site / f"{page.stem}.html").is_file(), page
    assert "Two commands" in (site / "index.html").read_text()
    for room, modules in rooms().items():
        text = (site / "reference" / "library" / f"{room.removeprefix('pipeline/')}.html").read_text()
        assert not [module for module in modules if f'id="{module}"' not in text]
    assert {f"pipeline/{file.parent.name}" for file in (ROOT / "pipeline").glob("*/*.py")} <= rooms().keys()
    assert "number of heads" in (site / "reference" / "library" / "fusion.html").read_text()


def test_every_parameter_is_described() -> None:
    page = reference()
    sections = re.split(r"^## ", page, flags=re.MULTILINE)[1:]
    by_name = {re.findall(r"`(\w+)", section)[0] for section in sections}
    assert by_name == set(Params.model_fields)
    rows = [line for section in sections for line in section.splitlines() if line.startswith("| `")]
    assert len(rows) > 80
    assert [row for row in rows if row.endswith("| |")] == [], "a key whose class and comments say nothing of it"
    assert "| `window` | integer > 1 | `300` | frames of a window" in page


def test_comments_belong_to_their_keys() -> None:
    text = "a:\n  b: 1   # one\n  c:        # two\n    d: 3    # three,\n            # and more\n\n# head\ne: 4\n"
    assert commented(text) == {"a.b": "one", "a.c": "two", "a.c.d": "three, and more"}


def test_what_stands_behind_a_name_is_its_description() -> None:
    assert described("a, b : two numbers,\n    and more\nc : one") == "a, b\n    two numbers,\n    and more\nc\n    one"
