# loop_accelerate.py: the same with Accelerate
import torch
from accelerate import Accelerator
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import tpzoo

digits = load_digits()
x = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
y = torch.tensor(digits.target)
shuffled = torch.Generator().manual_seed(0)
loader = DataLoader(TensorDataset(x[:1440], y[:1440]), batch_size=32, shuffle=True, generator=shuffled)

torch.manual_seed(1)
net = nn.Sequential(
    nn.Conv2d(1, 16, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(144, 64), nn.ReLU(), nn.Linear(64, 10)
)
settings = {"optimizer.feedback.lr": 0.02, "feedback_training.iterations": 5}
trainer = tpzoo.Trainer("ernoult2022/digits_lenet_ldrl", network=net, example=x[:8], settings=settings, seed=1)

accelerator = Accelerator(cpu=True)
tpzoo.check_host(accelerator)  # no mixed precision, no accumulation, one process
loader = accelerator.prepare(loader)
trainer.to(accelerator.device)
accelerator.register_for_checkpointing(trainer)

for epoch in range(5):
    trainer.train()
    for inputs, labels in loader:
        out = trainer.step(inputs, labels)
    trainer.end_epoch()
    trainer.eval()
    with torch.no_grad():
        accuracy = float((trainer(x[1440:]).argmax(1) == y[1440:]).float().mean())
    accelerator.print(f"epoch {epoch + 1}  loss {float(out.loss):.3f}  test {100 * accuracy:.1f} %")

accelerator.save_state("accelerate")  # load_state goes on to the same bits
