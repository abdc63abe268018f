"""The plugin that tpzoo's tutorial writes: one entry of four kinds, and a recipe that uses them all."""
