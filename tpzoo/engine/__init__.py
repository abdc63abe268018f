"""The frame: what every method needs and no method should write again."""
