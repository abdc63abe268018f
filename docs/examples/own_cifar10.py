# own_cifar10.py METHOD: a network of one's own on CIFAR-10, by backpropagation (bp) or by L-DRL (ldrl)
import os, sys, numpy, torch, tpzoo
from torch.nn import Conv2d, ELU, Flatten, Linear, MaxPool2d, Sequential
files = numpy.load(os.path.join(os.environ["TPZOO_DATA"], "cifar10.npz"))
x, x_test = (torch.tensor(files[name]).permute(0, 3, 1, 2) / 127.5 - 1 for name in ("x_train", "x_test"))
y, y_test = (torch.tensor(files[name]) for name in ("y_train", "y_test"))
torch.manual_seed(0)
net = Sequential(Conv2d(3, 32, 5, 2, 2), ELU(), MaxPool2d(2), Conv2d(32, 64, 3, 1, 1), ELU(), Flatten(), Linear(4096, 10))
maps = {"learner.sigma": 0.3, "optimizer.feedback.lr": 0.01, "feedback_training.iterations": 5}
own = {"optimizer.forward.lr": 0.02, "optimizer.forward.schedule": "constant", **(maps if sys.argv[1] == "ldrl" else {})}
trainer = tpzoo.Trainer(f"ernoult2022/cifar10_lenet_{sys.argv[1]}", network=net, example=x[:8], settings=own)
for epoch in range(3):
    for rows in torch.randperm(len(x)).split(128):
        trainer.step(x[rows], y[rows])
    print(f"epoch {epoch + 1}: test error {100 * float((net(x_test).argmax(1) != y_test).float().mean()):.2f} %")
