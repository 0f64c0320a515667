"""The section `report`."""

from pydantic import Field

from pipeline.runtime.section import Section


class ReportConfig(Section):
    """What the report page shows.

    Attributes
    ----------
    title : of the page
    traces : trials whose predictions are drawn, for each model
    """

    title: str = "affectflow report"
    traces: int = Field(default=4, ge=0)
    explorer: float = Field(default=6, ge=0)
    """Megabytes of the page for the trials to explore, besides 1.3 of the script that draws them; 0 leaves them out."""
