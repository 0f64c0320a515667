"""The reference of params.yaml, from the classes that check it and the comments of the demo's own."""

import inspect
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from ruamel.yaml import YAML
from ruamel.yaml.comments import Comment

ROOT = Path(__file__).parents[2]
PAGE = "reference/params.md"
INTRODUCTION = """# Parameters

Every key of params.yaml, with its type and its default, which is the published value where there is one. This page is
made of the classes that check params.yaml; `affectflow preset demo --full` prints the demo's values of all keys, and
`affectflow validate` names a key that is unknown or out of range. Options of a fusion system, its head and its encoders
are those of [fusion systems](../fusion.md).
"""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the page."""
    files.append(File.generated(config, PAGE, content=reference()))
    return files


def reference() -> str:
    """Write the page, as Markdown."""
    from pipeline.config import Params

    schema = Params.model_json_schema()
    comments = all_comments()
    lines = [INTRODUCTION]
    for name, section in schema["properties"].items():
        own = {key.removeprefix(f"{name}."): text for key, text in comments.items() if key.startswith(f"{name}.")}
        for heading, definition in _classes(name, section, schema["$defs"]):
            lines += [
                f"## {heading}",
                *_section(
                    definition,
                    own,
                    schema["$defs"],
                ),
            ]
    return "\n".join(lines)


def commented(text: str) -> dict[str, str]:
    """Return the comments at the ends of the lines of a params.yaml, by the path of the key: `training.window`."""
    found: dict[str, str] = {}

    def visit(node: Any, path: str) -> None:
        for key, entry in getattr(node, "ca", Comment()).items.items():
            if entry[2]:
                lines = entry[2].value.split("\n\n")[0].splitlines()
                found[f"{path}{key}"] = " ".join(line.strip("# ") for line in lines)
        if isinstance(node, dict):
            for key, inner in node.items():
                visit(inner, f"{path}{key}.")

    visit(YAML().load(text), "")
    return found


def all_comments() -> dict[str, str]:
    """Return the comments of the demo's params.yaml, then those of the examples in docs/."""
    pages = [page.read_text(encoding="utf-8") for page in sorted((ROOT / "docs").glob("*.md"))]
    examples = [block for page in pages for block in re.findall(r"^```yaml\n(.*?)^```", page, re.DOTALL | re.MULTILINE)]
    found: dict[str, str] = {}
    for text in [(ROOT / "params.yaml").read_text(encoding="utf-8"), *examples]:
        found = commented(text) | found
    return found


def _classes(name: str, section: dict[str, Any], classes: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return what a section may be, each with its heading."""
    if "$ref" in section:
        return [(f"`{name}`", _resolve(section, classes))]
    if "additionalProperties" in section:
        return [(f"`{name}.<name>`", _resolve(section["additionalProperties"], classes))]
    kinds = [_resolve(one, classes) for one in section["oneOf"]]
    return [(f"`{name}`, kind `{kind['properties']['kind']['const']}`", kind) for kind in kinds]


def _section(definition: dict[str, Any], comments: dict[str, str], classes: dict[str, Any]) -> list[str]:
    text, _ = _docstring(definition.get("description", ""))
    told = _told(definition["title"])
    rows = []
    for key, field in definition["properties"].items():
        default = "" if key in definition.get("required", []) else _value(field.get("default"))
        meaning = told.get(key) or comments.get(key, "")
        inner = _resolve(field, classes)
        if inner.get("properties") and inner is not field:
            rows += [
                f"| `{key}.{name}` | {_type(one, classes)} | {_value(one.get('default'))} | "
                f"{_cell(comments.get(f'{key}.{name}', ''))} |"
                for name, one in inner["properties"].items()
            ]
        else:
            rows.append(f"| `{key}` | {_type(field, classes)} | {default or 'needed'} | {_cell(meaning)} |")
    return ["", text, "", "| key | type | default | |", "|---|---|---|---|", *rows, ""]


def _told(name: str) -> dict[str, str]:
    """Return what a class and those it is derived from say of their attributes."""
    from pipeline.runtime.section import Section

    classes = [Section]
    for one in classes:
        classes += one.__subclasses__()
    (found,) = {one for one in classes if one.__name__ == name}
    told: dict[str, str] = {}
    for base in reversed(found.__mro__):
        told |= _docstring(inspect.getdoc(base) or "")[1] if issubclass(base, Section) else {}
    return told


def _docstring(text: str) -> tuple[str, dict[str, str]]:
    """Part a class's docstring into its text and what it says of each parameter."""
    head, listed = [*re.split(r"(?:Parameters|Attributes)\n-+\n", text, maxsplit=1), ""][:2]
    found = re.findall(r"^(\w+(?:, \w+)*) : (.*(?:\n[ ]{4}.*)*)", listed, flags=re.MULTILINE)
    told = {name: " ".join(meaning.split()) for names, meaning in found for name in names.split(", ")}
    return head.replace("``", "`").strip(), told


def _resolve(field: dict[str, Any], classes: dict[str, Any]) -> dict[str, Any]:
    resolved: dict[str, Any] = classes[field["$ref"].rpartition("/")[2]] if "$ref" in field else field
    return resolved


def _type(field: dict[str, Any], classes: dict[str, Any]) -> str:
    field = _resolve(field, classes)
    if "anyOf" in field:
        return " or ".join(_type(one, classes) for one in field["anyOf"])
    if "const" in field or "enum" in field:
        return ", ".join(f"`{one}`" for one in field.get("enum", [field.get("const")]))
    kind = str(field.get("type", "any"))
    if kind == "array":
        inner = field.get("items")
        return f"list of {_type(inner, classes)}" if inner else "pair"
    if kind == "object":
        inner = field.get("additionalProperties")
        return f"mapping to {_type(inner, classes)}" if isinstance(inner, dict) else "mapping"
    limits = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    bounds = [f"{sign} {field[name]:g}" for name, sign in limits.items() if name in field]
    return " ".join([{"string": "text", "null": "`null`"}.get(kind, kind), ", ".join(bounds)]).strip()


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "`{}`" if not value else "`{" + ", ".join(f"{key}: {one}" for key, one in value.items()) + "}`"
    if isinstance(value, list | tuple):
        return f"`[{', '.join(map(str, value))}]`"
    if isinstance(value, bool) or value is None:
        return f"`{ {True: 'true', False: 'false', None: 'null'}[value] }`"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def _cell(text: str) -> str:
    return text.replace("``", "`").replace("|", r"\|").replace("<", "&lt;").replace("{", "&#123;")
