"""Checking a folder of face crops without decoding them: names, headers, sizes."""

from collections.abc import Sequence
from pathlib import Path

from pipeline.corpora.digest import IMAGE_NAME, FolderDigest
from pipeline.media.images import LARGEST_FILE, image_size
from pipeline.readers.memory import Finding
from pipeline.runtime.errors import Problem
from pipeline.runtime.tables import LISTED, ranges, read_bounded

RENAME = "name it by frame number, as in 00001.jpg for the first frame"
REPLACE = "extract or crop this picture again, or delete it: a missing face is masked"


def check_crops(folder: Path, names: Sequence[str], size: int) -> Finding:
    """Read the named crops once; `Finding.count` is the number of frames that have one.

    Parameters
    ----------
    size : width and height that every crop must have, pixels

    Raises
    ------
    InputError
        A file cannot be read at all, or is far too large for a crop.
    """
    digest = FolderDigest()
    seen: dict[int, str] = {}
    broken: list[tuple[int, str]] = []
    other_sizes: dict[tuple[int, int], list[int]] = {}
    problems: list[Problem] = []
    for name in names:
        data = read_bounded(folder / name, largest=LARGEST_FILE, what="unusable crop")
        digest.add(name, data)
        match = IMAGE_NAME.fullmatch(name)
        number = int(match["number"]) if match else 0
        if not number:
            problems.append(Problem("not a 5-digit frame number from 1", file=str(folder / name), remedy=RENAME))
            continue
        if number in seen:
            problems.append(Problem(f"the same frame as {seen[number]}", file=str(folder / name), remedy="keep one"))
        seen[number] = name
        try:
            found = image_size(data)
        except ValueError as error:
            broken.append((number, str(error)))
        else:
            if found != (size, size):
                other_sizes.setdefault(found, []).append(number)
    problems += [Problem(text, file=str(folder / seen[number]), remedy=REPLACE) for number, text in broken[:LISTED]]
    if broken[LISTED:]:
        rest = [number for number, _ in broken[LISTED:]]
        message = f"{len(rest)} more unreadable images: {ranges(rest)}"
        problems.append(Problem(message, file=str(folder), remedy=REPLACE))
    for (width, height), numbers in sorted(other_sizes.items()):
        message = f"{width} x {height} pixels where {size} x {size} are expected"
        if len(numbers) > 1:
            message += f", in {len(numbers)} images: {ranges(numbers)}"
        remedy = "crop again, or set corpus.image_size"
        problems.append(Problem(message, file=str(folder / seen[numbers[0]]), remedy=remedy))
    if not seen:
        problems.append(Problem("the trial has no images", file=str(folder), remedy="add its crops"))
    return Finding(digest.hexdigest(), len(seen), tuple(problems))
