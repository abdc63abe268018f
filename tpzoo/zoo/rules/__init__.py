"""Target rules."""
