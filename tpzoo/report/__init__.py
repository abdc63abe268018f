"""Run folders in; pictures, tables and pages out."""
