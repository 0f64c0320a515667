"""The section `report`."""

from pydantic import Field

from pipeline.runtime.section import Section


class ReportConfig(Section):
    """What the report page shows."""

    title: str = "affectflow report"
    traces: int = Field(default=4, ge=0)
