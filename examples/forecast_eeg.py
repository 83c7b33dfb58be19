"""Forecasts an electroencephalogram with an LSTM: four channels recorded over 800 steps, shipped with matplotlib.

    python examples/forecast_eeg.py

The network reads 64 steps and foresees the next eight of all channels. Writes forecast.png: what it foresees at several
places of the last part of the recording, which it has not seen.
"""

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib import cbook

import torch
import torch.nn.functional as F
from torch import nn

PAST, AHEAD, HELD_OUT = 64, 8, 160


def read_eeg():
    """The recording as (steps, channels)."""
    with cbook.get_sample_data("eeg.dat") as file:
        values = np.frombuffer(file.read(), dtype=np.float64).reshape(800, 4)
    return torch.tensor(values, dtype=torch.float32)


class Forecaster(nn.Module):
    """An LSTM over the past, from whose last state a linear layer foresees AHEAD steps of all channels."""

    def __init__(self, channels, width=24):
        super().__init__()
        self.dropout = nn.Dropout(0.4)
        self.lstm = nn.LSTM(channels, width, batch_first=True)
        self.out = nn.Linear(width, AHEAD * channels)

    def forward(self, past):
        _, (hidden, _) = self.lstm(past)
        return self.out(self.dropout(hidden[-1])).view(len(past), AHEAD, -1)


def foresee(model, stretches):
    """What follows the past of each stretch."""
    model.eval()
    with torch.no_grad():
        return model(stretches[:, :PAST])


def windows(series):
    """All stretches of PAST + AHEAD steps: (count, time, channels)."""
    return series.unfold(0, PAST + AHEAD, 1).transpose(1, 2)


def draw(stretches, forecasts, path):
    """Truth and forecast of the first channel."""
    figure, axes = plt.subplots(2, 2, figsize=(10, 6), sharex=True, sharey=True)
    for axis, truth, forecast in zip(axes.flat, stretches, forecasts):
        axis.plot(truth[:, 0], color="gray", label="recorded")
        axis.plot(range(PAST, PAST + AHEAD), forecast[:, 0], color="tab:red", label="foreseen")
    axes[0, 0].legend()
    figure.savefig(path, dpi=100)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--short", action="store_true", help="thirty steps")
    parser.add_argument("--out", type=Path, default=Path("forecast_eeg_out"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)

    series = read_eeg()
    past, held_out = windows(series[:-HELD_OUT]), windows(series[-HELD_OUT:])
    model = Forecaster(series.size(1))
    steps = 30 if options.short else options.steps
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.1)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for step in range(1, steps + 1):
        model.train()
        batch = past[torch.randint(len(past), (64,))]
        loss = F.mse_loss(model(batch[:, :PAST]), batch[:, PAST:])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % max(1, steps // 6) == 0:
            forecast = foresee(model, held_out)
            standing = held_out[:, PAST - 1:PAST].expand_as(forecast)
            error, still = (F.mse_loss(guess, held_out[:, PAST:]).item() for guess in (forecast, standing))
            print(f"step {step}: training error {loss.item():.3f}, held out {error:.3f} (standing still: {still:.3f})")
    places = torch.linspace(0, len(held_out) - 1, 4).long()
    draw(held_out[places], foresee(model, held_out[places]), options.out / "forecast.png")


if __name__ == "__main__":
    main()
