# loop_lightning.py: the same inside Lightning, by manual optimisation
import lightning
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import tpzoo


class Digits(lightning.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False
        torch.manual_seed(1)
        net = nn.Sequential(
            nn.Conv2d(1, 16, 3),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(144, 64),
            nn.ReLU(),
            nn.Linear(64, 10),
        )
        settings = {"optimizer.feedback.lr": 0.02, "feedback_training.iterations": 5}
        example = torch.rand(8, 1, 8, 8, generator=torch.Generator().manual_seed(1))
        # a module: its weights, maps, optimisers and random streams are in Lightning's checkpoints, and move with it
        self.trained = tpzoo.Trainer(
            "ernoult2022/digits_lenet_ldrl", network=net, example=example, settings=settings, seed=1
        )

    def configure_optimizers(self):
        return self.trained.host_optimizer()  # its one step is a training step: global_step counts these

    def on_fit_start(self) -> None:
        tpzoo.check_host(self.trainer)  # no mixed precision, no clipping by the host, one process

    def training_step(self, batch, index):
        out = self.optimizers().step(lambda: self.trained.step(*batch))
        self.log("loss", out.loss)

    def on_train_epoch_end(self) -> None:
        self.trained.end_epoch()

    def validation_step(self, batch, index):
        x, y = batch
        self.log("accuracy", (self.trained(x).argmax(1) == y).float().mean())


def loaders() -> tuple[DataLoader, DataLoader]:
    digits = load_digits()
    x = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
    y = torch.tensor(digits.target)
    shuffled = torch.Generator().manual_seed(0)
    train = DataLoader(TensorDataset(x[:1440], y[:1440]), batch_size=32, shuffle=True, generator=shuffled)
    return train, DataLoader(TensorDataset(x[1440:], y[1440:]), batch_size=357)


def main(epochs: int = 5) -> tuple[lightning.Trainer, Digits]:
    module = Digits()
    host = lightning.Trainer(
        max_epochs=epochs, accelerator="cpu", logger=False, enable_progress_bar=False, num_sanity_val_steps=0
    )
    host.fit(module, *loaders())
    print({name: round(float(value), 3) for name, value in host.callback_metrics.items()}, host.global_step)
    return host, module


if __name__ == "__main__":
    main()
