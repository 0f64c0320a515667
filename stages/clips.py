"""Stage `clips`: the corpus index -> one HDF5 file per trial and the tables beside them."""

import json
from pathlib import Path

from pipeline.cache.code import code_key
from pipeline.cache.files import assemble, replacing
from pipeline.cache.items import Item, ItemCache, item_key, materialise
from pipeline.clips.build import SUMMARY, ClipPayload, build_clip
from pipeline.clips.manifest import (
    ALIGNMENT,
    MANIFEST,
    REJECTED,
    ManifestRow,
    write_alignment,
    write_manifest,
    write_rejected,
)
from pipeline.config.corpus import AffWild2Config
from pipeline.config.params import Params
from pipeline.corpora.index_table import IndexRow, read_index
from pipeline.corpora.labels import format_of
from pipeline.corpora.target import targets_of
from pipeline.errors import InputError
from stages._layout import CLIPS
from stages._stage import executor_of, load_params, run_stage


def main() -> None:
    """Build what the item cache does not hold yet, and put the clips together."""
    params = load_params()
    rows = read_index(Path(params.corpus.index))
    built = materialise(
        [_item(row, params) for row in rows],
        build_clip,
        cache=ItemCache(),
        executor=executor_of(params),
        label="clips",
        on_error=params.clips.on_error,
    )
    if not built.paths:
        raise InputError(
            "no clip could be built", [problem for failure in built.failures for problem in failure.problems]
        )
    summaries = {trial: json.loads((path / SUMMARY).read_text(encoding="utf-8")) for trial, path in built.paths.items()}
    with replacing(CLIPS) as fresh:
        for trial, path in built.paths.items():
            assemble(path / f"{trial}.h5", fresh / f"{trial}.h5")
        write_manifest(fresh / MANIFEST, [ManifestRow.from_summary(summary) for summary in summaries.values()])
        write_alignment(fresh / ALIGNMENT, {trial: summary["alignment"] for trial, summary in summaries.items()})
        write_rejected(fresh / REJECTED, {failure.name: failure.problems for failure in built.failures})


def _item(row: IndexRow, params: Params) -> Item:
    corpus = params.corpus
    targets = targets_of(corpus.targets)
    payload = ClipPayload(
        trial=row.locate(Path(corpus.root)),
        digest=row.digest,
        targets=targets,
        face_size=params.clips.face_size,
        sample_rate=params.clips.sample_rate,
        other_rates=tuple(sorted(params.clips.other_sample_rates)),
        other_sizes=tuple(sorted(params.clips.other_face_sizes)),
        form=format_of(corpus),
        search=None if isinstance(corpus, AffWild2Config) else corpus.faces,
    )
    # Left out of the key where there are none: clips built before these parameters were there stay as they are.
    others = {"other_rates": payload.other_rates, "other_sizes": payload.other_sizes}
    key = item_key(
        content=row.digest,
        trial=[row.trial, row.partition, row.subject],
        targets=[[target.name, target.low, target.high] for target in targets],
        face_size=payload.face_size,
        sample_rate=payload.sample_rate,
        labels=[payload.form.kind, *payload.form.delays],
        search=payload.search,
        code=code_key("pipeline.clips.build"),
        **{name: numbers for name, numbers in others.items() if numbers},
    )
    return Item(name=row.trial, key=key, payload=payload)


if __name__ == "__main__":
    run_stage(main)
