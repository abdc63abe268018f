"""tpzoo from Python: a trainer for one's own loop, runs in one call, and runs opened again."""
