"""Stage `folds`: the clips' manifest -> which trials each fold trains on and is validated on."""

from pipeline.cache.files import replacing_file
from pipeline.clips.manifest import read_manifest
from pipeline.evaluation.folds import make_folds, write_folds
from stages._layout import FOLDS, MANIFEST
from stages._stage import load_params, run_stage


def main() -> None:
    """Split the trials of the manifest."""
    params = load_params()
    folds = make_folds(read_manifest(MANIFEST), scheme=params.folds.scheme, count=params.folds.count)
    with replacing_file(FOLDS) as fresh:
        write_folds(fresh, folds)


if __name__ == "__main__":
    run_stage(main)
