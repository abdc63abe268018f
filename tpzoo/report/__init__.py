"""Run folders in; figures, tables and pages out. Reads files only and loads no torch."""
