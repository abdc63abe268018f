"""Updates: how displacements change the forward weights."""
