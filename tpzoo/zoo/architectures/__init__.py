"""Forward networks."""
