"""The library's docstrings, as the reference reads them.

A parameter is described behind its name, `heads : number of heads`, where NumPy's style has its type. The types are
those of the signature, so that the text moves to the place of the description.
"""

import re
from typing import Any

from griffe import Extension, Object

SECTION = re.compile(r"((?:Parameters|Attributes)\n-+\n)(.*?)(?=\n\n\w+\n-+\n|\Z)", flags=re.DOTALL)


class Described(Extension):
    """Rewrites the parameters and attributes of every docstring."""

    def on_object(self, *, obj: Object, **kwargs: Any) -> None:
        """Rewrite the docstring of one module, class, function or attribute."""
        if obj.docstring is not None:
            obj.docstring.value = SECTION.sub(lambda found: found[1] + described(found[2]), obj.docstring.value)


def described(text: str) -> str:
    """Move what stands behind a name to the next line."""
    return re.sub(r"^(\w+(?:, \w+)*) : ", r"\1\n    ", text, flags=re.MULTILINE)
