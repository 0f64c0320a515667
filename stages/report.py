"""Write the report page and the CCC table of all models: `python -m stages.report`."""

from pathlib import Path

from pipeline.config import load
from pipeline.report.build import build_report
from pipeline.runtime.layout import REPORTS
from pipeline.runtime.stage import load_params, run_stage


def main() -> None:
    """Write reports/index.html and reports/ccc.{csv,md,tex,json}."""
    load_params(options=False)
    build_report(load(), root=Path(), reports=REPORTS)


if __name__ == "__main__":
    run_stage(main)
