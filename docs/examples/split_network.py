# split_network.py: an ordinary module as a chain of blocks
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import tpzoo


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem, self.left, self.right = nn.Conv2d(1, 8, 3), nn.Conv2d(8, 8, 3, padding=1), nn.Conv2d(8, 8, 1)
        self.norm, self.head = nn.BatchNorm2d(8), nn.Linear(8, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.stem(x)), 2)
        x = self.norm(self.left(x)) * torch.sigmoid(self.right(x))  # two branches: one block
        x = F.dropout(x.mean((2, 3)), 0.2, self.training)
        return self.head(x)


x = torch.rand(8, 1, 12, 12)
net = Net()
network = tpzoo.split(net, x)  # at every layer; what branches stays in one block
print(list(network.blocks), network.shapes)
print(list(tpzoo.split(net, x, ["head"]).blocks))  # or where you say; at=1 means: at its children

trainer = tpzoo.Trainer(
    {"feedback": {"name": "layerwise", "map": "mirror"}, "learner": "ldrl"}, network=network, example=x
)
trainer.step(x, torch.arange(8) % 10)  # net itself is trained: its weights are the network's
print(trainer.measure("jacobian_alignment", x, torch.arange(8) % 10))

try:
    tpzoo.split(net, x, ["left", "right"])
except tpzoo.CutError as error:
    print(error)
