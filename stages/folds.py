"""Stage `folds`: the clips' manifest -> which trials each fold trains on and is validated on."""

from pipeline.clips.manifest import read_manifest
from pipeline.evaluation.config import FoldsConfig
from pipeline.evaluation.folds import make_folds, write_folds
from pipeline.runtime.files import replacing_file
from pipeline.runtime.layout import FOLDS, MANIFEST
from pipeline.runtime.stage import load_params, run_stage


def main() -> None:
    """Split the trials of the manifest."""
    params = load_params(options=False)
    config = params.section(FoldsConfig, "folds")
    folds = make_folds(read_manifest(MANIFEST), scheme=config.scheme, count=config.count)
    with replacing_file(FOLDS) as fresh:
        write_folds(fresh, folds)


if __name__ == "__main__":
    run_stage(main)
