"""What every section of params.yaml is: frozen, typed, closed; an unknown key names its nearest neighbour."""

import difflib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline.runtime.errors import ConfigError

S = TypeVar("S", bound="Section")

LARGEST = 2**20
"""Bytes of a params.yaml."""

MOST_VALUES = 100_000
"""Values of a params.yaml, with those that aliases repeat: nine lines of aliases can stand for a billion."""


class Section(BaseModel):
    """Base of all sections: frozen, strict about types, closed to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def read_yaml(path: str | Path) -> Any:
    """Read a YAML file.

    Raises
    ------
    ConfigError
        It cannot be read, is not YAML, or is far too large, as it stands or with its aliases written out.
    """
    try:
        with Path(path).open(encoding="utf-8") as file:
            text = file.read(LARGEST + 1)
        if len(text) > LARGEST:
            raise ConfigError(f"{path} is larger than {LARGEST} bytes: see whether it is the right file")
        data = YAML(typ="safe", pure=True).load(text)
        if _count(data, {}) > MOST_VALUES:
            raise ConfigError(f"{path}: its aliases repeat more than {MOST_VALUES} values; write out what is meant")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    except RecursionError:
        raise ConfigError(f"{path} is nested too deeply, or an alias stands inside what it repeats") from None
    except (YAMLError, ValueError, TypeError, AttributeError, LookupError) as error:
        # The parser lets errors of its own code through for some texts that are not YAML.
        raise ConfigError(f"{path} is not YAML: {error}") from error
    return data


def _count(value: object, known: dict[int, int]) -> int:
    """Count the values in `value`, those of an alias each time; `known` has the counts of what was met before."""
    if not isinstance(value, dict | list):
        return 1
    if id(value) not in known:
        inner = value.values() if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_count(one, known) for one in inner)
    return known[id(value)]


def validate(section: type[S], data: object, *, at: str) -> S:
    """Check `data` against `section`; `at` says where it stands, for the message."""
    try:
        # The JSON mode is strict about types yet takes a YAML list for a tuple.
        return section.model_validate_json(json.dumps(data))
    except ValidationError as error:
        lines = [f"  {_explain(section, problem)}" for problem in error.errors()]
        raise ConfigError("\n".join([f"{at}: {len(lines)} invalid", *lines])) from error
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{at}: only text, numbers, lists and mappings with text as keys: {error}") from error


def _explain(section: type[Section], problem: Mapping[str, Any]) -> str:
    location = tuple(part for part in problem["loc"] if part != "[key]")
    if problem["type"] == "extra_forbidden":
        above, known = _trace(section, location[:-1])
        return f"{'.'.join([*above, str(location[-1])])}: unknown key{nearest(str(location[-1]), known)}"
    path = ".".join(_trace(section, location)[0])
    message = str(problem["msg"]).removeprefix("Value error, ")
    return (
        f"{path}: {message}, got {problem['input']!r}"
        if path and not isinstance(problem["input"], dict)
        else (f"{path}: {message}" if path else message)
    )


def nearest(name: str, known: Mapping[str, object]) -> str:
    """Say which of the `known` names is nearest to `name`, or list them, as the tail of a message."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(sorted(known))}"


def _trace(section: type[Section], location: tuple[int | str, ...]) -> tuple[list[str], Mapping[str, object]]:
    """Return the path of `location` as the user wrote it, and the known keys of the (nested) section there."""
    current: Any = section
    path: list[str] = []
    for part in location:
        arms = _sections(current)
        if len(arms) > 1:
            # Where a section comes in several kinds, a problem's location names the kind, which stands in no path.
            current = next(arm for arm in arms if part in get_args(arm.model_fields["kind"].annotation))
            continue
        path.append(str(part))
        if arms:
            field = arms[0].model_fields.get(str(part))
            current = field.annotation if field else None
        else:
            current = get_args(current)[1] if get_origin(current) is dict else None
    arms = _sections(current)
    return path, arms[0].model_fields if len(arms) == 1 else {}


def _sections(kind: Any) -> list[type[BaseModel]]:
    """Return the section that a key holds, or those that it may hold."""
    arms = (kind,) if get_origin(kind) is None else get_args(kind) if get_origin(kind) is not dict else ()
    return [arm for arm in arms if isinstance(arm, type) and issubclass(arm, BaseModel)]
