"""Stage `clips`: the corpus index -> one HDF5 file per trial and the tables beside them."""

import json
from pathlib import Path

from pipeline.clips.manifest import (
    ALIGNMENT,
    MANIFEST,
    REJECTED,
    ManifestRow,
    write_alignment,
    write_manifest,
    write_rejected,
)
from pipeline.clips.settings import SETTINGS, ClipSettings, write_settings
from pipeline.clips.target import targets_of
from pipeline.corpora.config import KINDS, CorpusConfig, RatedConfig
from pipeline.corpora.index_table import IndexRow, read_index
from pipeline.corpora.labels import format_of
from pipeline.ingest.build import SUMMARY, ClipPayload, build_clip
from pipeline.ingest.config import ClipsConfig
from pipeline.media.config import FacesConfig
from pipeline.media.detectors import resolve
from pipeline.runtime.code import Code
from pipeline.runtime.errors import InputError
from pipeline.runtime.files import assemble, replacing
from pipeline.runtime.items import Item, ItemCache, item_key, write_seeds
from pipeline.runtime.layout import CLIPS, ITEMS
from pipeline.runtime.materialise import materialise
from pipeline.runtime.seeds import Seeds
from pipeline.runtime.stage import load_params, run_stage

GO_ON = "`clips: {on_error: skip}` in params.yaml lists such trials in data/clips/rejected.csv and goes on without them"


def main() -> None:
    """Build what the item cache does not hold yet, and put the clips together."""
    params = load_params()
    clips = params.section(ClipsConfig, "clips")
    kind = KINDS[params.data["corpus"]["kind"]]
    corpus = params.section(kind, "corpus")
    rows = read_index(Path(corpus.index))
    executor = params.executor()
    search = resolve(corpus.faces) if isinstance(corpus, RatedConfig) else None
    seeds, cache = Seeds(ITEMS / "clips.json", CLIPS), ItemCache()
    try:
        built = materialise(
            [_item(row, corpus, clips, search, executor.arithmetic) for row in rows],
            build_clip,
            cache=cache,
            executor=executor,
            label="clips",
            on_error=clips.on_error,
            seeds=seeds,
        )
    except InputError as error:
        raise InputError(f"{error.summary} ({GO_ON})", error.problems) from error
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
        write_settings(fresh / SETTINGS, _settings(clips, search))
        write_rejected(fresh / REJECTED, {failure.name: failure.problems for failure in built.failures})
    write_seeds(seeds, built.paths, cache=cache, place=lambda trial, file: file if file == f"{trial}.h5" else None)


def _settings(clips: ClipsConfig, search: FacesConfig | None) -> ClipSettings:
    return ClipSettings(
        face_size=clips.face_size,
        sample_rate=clips.sample_rate,
        other_face_sizes=tuple(sorted(clips.other_face_sizes)),
        other_sample_rates=tuple(sorted(clips.other_sample_rates)),
        faces=None if search is None else search.model_dump(mode="json"),
    )


def _item(row: IndexRow, corpus: CorpusConfig, clips: ClipsConfig, search: FacesConfig | None, arithmetic: str) -> Item:
    targets = targets_of(corpus.targets)
    payload = ClipPayload(
        trial=row.locate(Path(corpus.root)),
        digest=row.digest,
        targets=targets,
        face_size=clips.face_size,
        sample_rate=clips.sample_rate,
        other_rates=tuple(sorted(clips.other_sample_rates)),
        other_sizes=tuple(sorted(clips.other_face_sizes)),
        form=format_of(corpus),
        search=search,
    )
    code = Code.of("pipeline.ingest.build")
    key = item_key(
        content=row.digest,
        trial=[row.trial, row.partition, row.subject],
        targets=[[target.name, target.low, target.high] for target in targets],
        face_size=payload.face_size,
        sample_rate=payload.sample_rate,
        labels=[payload.form.kind, *payload.form.delays],
        search=payload.search,
        other_rates=payload.other_rates,
        other_sizes=payload.other_sizes,
        arithmetic=arithmetic,
        code=code,
    )
    return Item(name=row.trial, key=key, payload=payload, code=code)


if __name__ == "__main__":
    run_stage(main)
