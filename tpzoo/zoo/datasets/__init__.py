"""Data sets: one file a source, one record each in `plugin.py`."""
