"""tpzoo-timm: timm's models as tpzoo architectures, each cut exactly into a chain of blocks."""
