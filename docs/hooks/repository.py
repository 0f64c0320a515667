"""Pages of the site that stand outside docs/, and links that lead out of docs/.

The repository has no address on the web that would outlive it: a linked file becomes a part of the site.
"""

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "SECURITY.md": "project/security.md",
    "CHANGELOG.md": "project/changelog.md",
    "data/README.md": "project/data.md",
    "data/sample/README.md": "project/sample.md",
}
"""The site's page of a file of the repository."""

LINK = re.compile(r"(\]\()([^)#\s]+)((?:#[^)\s]*)?\))")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of `PAGES`, and every file outside docs/ that a page links to."""
    for source, page in PAGES.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    for page_file in list(files.documentation_pages()):
        for target in _linked(page_file):
            place = _place(target)
            if place not in files.src_uris and not target.startswith("docs/"):
                if not (ROOT / target).is_file():
                    raise PluginError(f"{_source(page_file)}: links to {target}, which is no file of the repository")
                files.append(File.generated(config, place, abs_src_path=str(ROOT / target)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Rewrite links between files of the repository to links between pages of the site."""
    here = posixpath.dirname(page.file.src_uri)

    def rewrite(found: re.Match[str]) -> str:
        target = _target(page.file, found[2])
        return found[0] if target is None else f"{found[1]}{posixpath.relpath(_place(target), here or '.')}{found[3]}"

    return LINK.sub(rewrite, markdown)


def _linked(page: File) -> Iterator[str]:
    for found in LINK.finditer(page.content_string):
        target = _target(page, found[2])
        if target is not None:
            yield target


def _target(page: File, link: str) -> str | None:
    """Return the file of the repository that a link leads to, or None for an address or a generated page's link."""
    if re.match(r"[a-z]+:", link) or _source(page) is None:
        return None
    return posixpath.normpath(posixpath.join(posixpath.dirname(_source(page) or ""), link))


def _source(page: File) -> str | None:
    """Return the file of the repository that a page shows."""
    for source, place in PAGES.items():
        if page.src_uri == place:
            return source
    path = Path(page.abs_src_path) if page.abs_src_path else None
    return path.relative_to(ROOT).as_posix() if path and path.is_relative_to(ROOT) else None


def _place(target: str) -> str:
    """Return where the site has a file of the repository."""
    return PAGES.get(target) or (target.removeprefix("docs/") if target.startswith("docs/") else f"files/{target}")
