"""What Hypothesis draws for parsers: names that fit, cells, and files that are nearly what they should be."""

import string
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from hypothesis import strategies as st

from pipeline.runtime.errors import InputError
from pipeline.runtime.names import name_fault
from pipeline.runtime.tables import CONTROL

T = TypeVar("T")

letters = string.ascii_letters + string.digits
names = st.builds(str.__add__, st.sampled_from(letters), st.text(letters + "._-", max_size=20))
names = names.filter(lambda name: not name_fault(name))
"""Names of trials."""

cells = st.text(st.characters(codec="utf-8"), max_size=30).filter(lambda text: not CONTROL.search(text + "x"))
cells = cells.filter(lambda text: "\n" not in text and "\r" not in text)
"""Whatever a cell of a table can hold: quotes, commas, blanks and letters of any language, but no line break."""

digests = st.from_regex(r"[0-9a-f]{64}", fullmatch=True)


def nearly(tokens: Sequence[str]) -> st.SearchStrategy[bytes]:
    """Draw bytes: the tokens of a format in any order, strewn with others, or anything at all."""
    strange = [
        "\n",
        "\r\n",
        "\r",
        '"',
        ",",
        ";",
        "\t",
        " ",
        "\0",
        "\x1f",
        "\u2028",
        "é",
        "٣",
        "-",
        "..",
        "/",
        "9" * 5000,
    ]
    mixed = st.lists(st.sampled_from([*tokens, *tokens, *strange]), max_size=40).map("".join)
    fitting = st.lists(st.sampled_from(tokens[1:]), max_size=8).map(lambda parts: tokens[0] + "".join(parts))
    headed = mixed.map(lambda text: tokens[0] + text)
    # Half of them fit more or less, so that parsers come to their rows.
    text = st.one_of(fitting, fitting, headed, mixed)
    return st.one_of(
        text.map(str.encode), text.map(str.encode), mixed.map(lambda text: text.encode("utf-16")), st.binary()
    )


def accepted(read: Callable[[], T], file: Path | str) -> T | None:
    """Return what a parser made of a file, or None where it refused it as it should.

    Every problem then names the file, and its message is short and on one line.
    """
    try:
        return read()
    except InputError as error:
        refused = error
    assert refused.problems
    for problem in refused.problems:
        assert problem.file == str(file)
        assert "\n" not in str(problem)
        assert len(str(problem)) < 20_000
    return None
