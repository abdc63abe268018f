# my_net.py
from torch import nn

import tpzoo


def my_net(spec):
    """Two convolutions and a dense layer."""
    first = nn.Sequential(nn.Conv2d(spec.input_shape[0], 16, 3), nn.BatchNorm2d(16), nn.ReLU())
    second = nn.Sequential(nn.Conv2d(16, 32, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Dropout(0.1))
    return nn.Sequential(first, second, nn.Linear(128, spec.output_size))


@tpzoo.hookimpl
def tpzoo_architectures():
    yield tpzoo.module_architecture("my_net", my_net, requires=("images",))
