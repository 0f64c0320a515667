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


class Section(BaseModel):
    """Base of all sections: frozen, strict about types, closed to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def read_yaml(path: str | Path) -> Any:
    """Read a YAML file.

    Raises
    ------
    ConfigError
        It cannot be read, or is not YAML.
    """
    try:
        return YAML(typ="safe", pure=True).load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    except YAMLError as error:
        raise ConfigError(f"{path} is not YAML: {error}") from error


def validate(section: type[S], data: object, *, at: str) -> S:
    """Check `data` against `section`; `at` says where it stands, for the message."""
    try:
        # The JSON mode is strict about types yet takes a YAML list for a tuple.
        return section.model_validate_json(json.dumps(data))
    except ValidationError as error:
        lines = [f"  {_explain(section, problem)}" for problem in error.errors()]
        raise ConfigError("\n".join([f"{at}: {len(lines)} invalid", *lines])) from error


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
