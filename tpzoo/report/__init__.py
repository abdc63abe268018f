"""Run folders in; pictures, tables and pages out. Reads files only and loads no torch."""
