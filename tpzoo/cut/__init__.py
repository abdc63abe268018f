"""Cutting an ordinary ``nn.Module`` into a chain of blocks: :func:`tpzoo.cut.split.split`."""
