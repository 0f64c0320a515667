"""The report page: one self-contained HTML file, and the CCC table in four formats."""
