"""What others write against: what a plugin yields, the hooks it yields it from, and the catalogue that holds it."""
