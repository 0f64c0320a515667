"""Write the report page and the CCC table of all models: `python -m stages.report`."""

from pathlib import Path

from pipeline.evaluation.report.build import build_report
from stages._layout import REPORTS
from stages._stage import load_params, run_stage


def main() -> None:
    """Write reports/index.html and reports/ccc.{csv,md,tex,json}."""
    build_report(load_params(), root=Path(), reports=REPORTS)


if __name__ == "__main__":
    run_stage(main)
