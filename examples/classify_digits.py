"""Trains a convolutional network on scikit-learn's handwritten digits (1797 images of 8 x 8 pixels).

    python examples/classify_digits.py

Writes digits.png: the curves of training and the test images it is least sure of, and classify_digits.pt, its weights.
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
from torch.utils.data import DataLoader, TensorDataset, random_split


class Net(nn.Module):
    """Two convolutions with batch norm, and a linear layer on their mean over the image."""

    def __init__(self, width=48):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(width, 2 * width, 3, padding=1), nn.BatchNorm2d(2 * width), nn.ReLU())
        self.head = nn.Linear(2 * width, 10)

    def forward(self, x):
        return self.head(self.features(x).mean((2, 3)))


def shifted(images):
    """Each image moved by up to one pixel."""
    padded = F.pad(images, (1, 1, 1, 1))
    rows, columns = (torch.randint(0, 3, (len(images), 1, 1)) + torch.arange(8).view(shape) for shape in ((1, 8, 1), (1, 1, 8)))
    return padded[torch.arange(len(images)).view(-1, 1, 1), 0, rows, columns].unsqueeze(1)


def evaluate(model, loader):
    """(accuracy, probabilities of the right class) on a data set."""
    model.eval()
    with torch.no_grad():
        pairs = [(model(x).softmax(1), y) for x, y in loader]
    probabilities, labels = (torch.cat(parts) for parts in zip(*pairs))
    right = probabilities.gather(1, labels[:, None]).squeeze(1)
    return (probabilities.argmax(1) == labels).float().mean().item(), right


def draw(history, images, labels, right, path):
    """The curves, and the images with the least probability of their class."""
    figure, axes = plt.subplots(1, 2, figsize=(10, 4))
    axes[0].plot(history, label=("training loss", "test accuracy"))
    axes[0].set(xlabel="epoch", ylim=(0, 1.05))
    axes[0].legend()
    worst = right.argsort()[:12]
    axes[1].imshow(images[worst, 0].view(3, 4, 8, 8).permute(0, 2, 1, 3).reshape(24, 32), cmap="gray_r")
    axes[1].set_title("least sure of: " + " ".join(str(label) for label in labels[worst].tolist()))
    axes[1].axis("off")
    figure.savefig(path, dpi=100)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--short", action="store_true", help="one epoch")
    parser.add_argument("--out", type=Path, default=Path("classify_digits_out"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)

    digits = load_digits()
    data = TensorDataset(torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16, torch.tensor(digits.target))
    training, test = random_split(data, [1400, 397])
    loader, test_loader = DataLoader(training, batch_size=32, shuffle=True), DataLoader(test, batch_size=397)
    model, epochs = Net(), 1 if options.short else options.epochs
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=epochs * len(loader))
    history = []
    for epoch in range(epochs):
        model.train()
        total = 0.0
        for x, y in loader:
            loss = F.cross_entropy(model(shifted(x)), y, label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() / len(loader)
        accuracy, right = evaluate(model, test_loader)
        history.append((total, accuracy))
        print(f"epoch {epoch + 1}: loss {total:.3f}, test accuracy {accuracy:.1%}")
    images, labels = next(iter(test_loader))
    draw(history, images, labels, right, options.out / "digits.png")
    torch.save(model.state_dict(), options.out / "classify_digits.pt")


if __name__ == "__main__":
    main()
