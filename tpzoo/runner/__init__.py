"""The runner: what turns a config into a finished run folder."""
