"""Fine-tuning: a network learns clean digits, is saved, and gets used to a poor scanner from a few of its pictures.

    python examples/finetune_digits.py

The scanner is faint, noisy and a pixel off. Compares training from scratch on its pictures, the last layer on the frozen
network, and all of it, the body at a lower rate. Writes pretrained.pt, the checkpoint, and finetune.png, the accuracies.
"""

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from sklearn.datasets import load_digits

import torch
import torch.nn.functional as F
from torch import nn

CLASSES, CLEAN = 10, 900


def make_model(width=48):
    """A convolutional network on 8 x 8 pixels; its last layer is called ``head``."""
    model = nn.Sequential()
    model.add_module("body", nn.Sequential(
        nn.Conv2d(1, width, 3, padding=1), nn.GroupNorm(4, width), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(width, 2 * width, 3, padding=1), nn.GroupNorm(4, 2 * width), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten()))
    model.add_module("head", nn.Linear(8 * width, CLASSES))
    return model


def accuracy(model, images, labels):
    """Share of right answers."""
    model.eval()
    with torch.no_grad():
        return (model(images).argmax(1) == labels).float().mean().item()


def train(model, optimizer, training, test, steps, every):
    """Accuracies on the test images, one each `every` steps."""
    images, labels = training
    curve = [accuracy(model, *test)]
    for step in range(1, steps + 1):
        model.train()
        chosen = torch.randint(len(images), (32,))
        loss = F.cross_entropy(model(images[chosen]), labels[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % every == 0:
            curve.append(accuracy(model, *test))
    return curve


def read_digits():
    """((images, labels) as they are, (others, as the poor scanner gives them))."""
    digits = load_digits()
    images, labels = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16, torch.tensor(digits.target)
    poor = images[CLEAN:].roll(1, 3) / 2
    poor += 0.15 * torch.randn(poor.shape)
    return (images[:CLEAN], labels[:CLEAN]), (poor, labels[CLEAN:])


def few(images, labels, count):
    """((`count` examples a class), (the others))."""
    chosen = torch.cat([(labels == label).nonzero().squeeze(1)[:count] for label in range(CLASSES)])
    others = torch.ones(len(labels), dtype=torch.bool).index_fill(0, chosen, False)
    return (images[chosen], labels[chosen]), (images[others], labels[others])


def from_checkpoint(path):
    """The saved network."""
    model = make_model()
    model.load_state_dict(torch.load(path, map_location="cpu", weights_only=True)["model"])
    return model


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="a thirtieth of the steps")
    parser.add_argument("--examples", type=int, default=2, help="pictures of each digit from the poor scanner")
    parser.add_argument("--out", type=Path, default=Path("finetune_digits_out"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    shrink = 30 if options.short else 1

    clean, poor = read_digits()
    model, path = make_model(), options.out / "pretrained.pt"
    steps = 600 // shrink
    curve = train(model, torch.optim.Adam(model.parameters(), lr=2e-3), clean, clean, steps, steps)
    torch.save({"model": model.state_dict(), "steps": steps}, path)
    print(f"clean digits: {curve[-1]:.1%} right after {steps} steps, saved to {path}")

    training, test = few(*poor, options.examples)
    steps, every = 200 // shrink, max(1, 10 // shrink)
    scratch, frozen, tuned = make_model(), from_checkpoint(path), from_checkpoint(path)
    frozen.body.requires_grad_(False)
    ways = {
        "from scratch": (scratch, torch.optim.Adam(scratch.parameters(), lr=2e-3)),
        "last layer only": (frozen, torch.optim.Adam(frozen.head.parameters(), lr=2e-3)),
        "all, the body slowly": (tuned, torch.optim.Adam([{"params": tuned.body.parameters(), "lr": 1e-3},
                                                          {"params": tuned.head.parameters()}], lr=2e-3)),
    }
    figure, axis = plt.subplots(figsize=(7, 4))
    for name, (model, optimizer) in ways.items():
        curve = train(model, optimizer, training, test, steps, every)
        axis.plot([every * i for i in range(len(curve))], curve, label=name)
        print(f"poor scanner, {options.examples} pictures of each digit, {name}: {curve[0]:.1%} before, {curve[-1]:.1%} after")
    axis.set(xlabel="step", ylabel="accuracy", ylim=(0, 1))
    axis.legend()
    figure.savefig(options.out / "finetune.png", dpi=100)


if __name__ == "__main__":
    main()
