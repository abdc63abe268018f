"""torchvision's classification models as tpzoo architectures."""
