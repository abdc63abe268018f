# loop_plain.py: a network and a loop of one's own
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import tpzoo

digits = load_digits()
x = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
y = torch.tensor(digits.target)
train, test = TensorDataset(x[:1440], y[:1440]), (x[1440:], y[1440:])

torch.manual_seed(1)
net = nn.Sequential(
    nn.Conv2d(1, 16, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(144, 64), nn.ReLU(), nn.Linear(64, 10)
)
settings = {"optimizer.feedback.lr": 0.02, "feedback_training.iterations": 5}  # the recipe's are by block
trainer = tpzoo.Trainer("ernoult2022/digits_lenet_ldrl", network=net, example=x[:8], settings=settings, seed=1)

for epoch in range(5):
    loader = DataLoader(train, batch_size=32, shuffle=True, generator=torch.Generator().manual_seed(epoch))
    net.train()
    for inputs, labels in loader:
        out = trainer.step(inputs, labels)
    trainer.end_epoch()
    net.eval()
    with torch.no_grad():
        accuracy = float((net(test[0]).argmax(1) == test[1]).float().mean())
    print(f"epoch {epoch + 1}  loss {float(out.loss):.3f}  test {100 * accuracy:.1f} %")

angles = trainer.measure("bp_angle", x[:32], y[:32])
print("angle to backpropagation:", {block: round(angle) for block, angle in angles.items()})
torch.save(trainer.state_dict(), "trainer.pt")  # load_state_dict of it goes on to the same bits
torch.save(net.state_dict(), "net.pt")  # the network alone, as ever
