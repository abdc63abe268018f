"""The animals: one method, one file, reached only through the hooks."""
