"""A variational autoencoder (Kingma and Welling 2014) of scikit-learn's handwritten digits.

    python examples/vae_digits.py

Writes vae.png: digits and their reconstructions, and what the decoder makes of a grid over the two latent dimensions.
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
from torch.distributions import Normal, kl_divergence


class VAE(nn.Module):
    """Encoder to a normal distribution over two numbers, decoder to the brightness of 64 pixels."""

    def __init__(self, width=256, latent=2):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 2 * latent))
        self.decoder = nn.Sequential(nn.Linear(latent, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 64))

    def posterior(self, x):
        """The distribution of the latent numbers given images."""
        mean, log_scale = self.encoder(x).chunk(2, 1)
        return Normal(mean, log_scale.exp())

    def forward(self, x):
        """The negative evidence bound in nats an image: (reconstruction, divergence from the prior)."""
        posterior = self.posterior(x)
        logits = self.decoder(posterior.rsample())
        reconstruction = F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(1).mean()
        return reconstruction, kl_divergence(posterior, Normal(0.0, 1.0)).sum(1).mean()


def tiles(images, columns):
    """Images of 8 x 8 beside and below each other."""
    return images.view(-1, columns, 8, 8).permute(0, 2, 1, 3).reshape(-1, columns * 8)


def draw(model, images, path, side=12):
    """Reconstructions on the left, the latent plane on the right."""
    model.eval()
    with torch.no_grad():
        rebuilt = model.decoder(model.posterior(images).mean).sigmoid()
        places = Normal(0.0, 1.0).icdf(torch.linspace(0.02, 0.98, side))
        plane = model.decoder(torch.cartesian_prod(places, places)).sigmoid()
    figure, axes = plt.subplots(1, 2, figsize=(10, 5))
    pairs = torch.stack([images.view(-1, 8, 64), rebuilt.view(-1, 8, 64)], 1).reshape(-1, 64)
    for axis, picture, title in zip(axes, (tiles(pairs, 8), tiles(plane, side)), ("digits and reconstructions", "the latent plane")):
        axis.imshow(picture, cmap="gray_r")
        axis.set_title(title)
        axis.axis("off")
    figure.savefig(path, dpi=100)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--short", action="store_true", help="sixty steps")
    parser.add_argument("--out", type=Path, default=Path("vae_digits_out"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)

    images = torch.tensor(load_digits().data, dtype=torch.float32) / 16
    images, held_out = images[:-160], images[-160:]
    model, steps = VAE(), 60 if options.short else options.steps
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for step in range(1, steps + 1):
        model.train()
        reconstruction, divergence = model(images[torch.randint(len(images), (128,))])
        warmth = min(1.0, 2 * step / steps)  # the prior counts more and more
        optimizer.zero_grad()
        (reconstruction + warmth * divergence).backward()
        optimizer.step()
        schedule.step()
        if step % max(1, steps // 6) == 0:
            model.eval()
            with torch.no_grad():
                reconstruction, divergence = model(held_out)
            print(f"step {step}: held out {reconstruction + divergence:.2f} nats = {reconstruction:.2f} + {divergence:.2f}")
    draw(model, held_out[:32], options.out / "vae.png")


if __name__ == "__main__":
    main()
