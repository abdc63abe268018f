"""Every built-in entry, one method to a file. Nothing imports this package: it is reached by the hooks."""
