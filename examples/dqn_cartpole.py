"""Deep Q-learning (Mnih and others 2015) balances a pole on a cart, after the equations of Barto, Sutton and Anderson 1983.

    python examples/dqn_cartpole.py

Many carts run side by side. Writes cartpole.png: how long the pole stood over training, and a run of the trained network.
"""

import argparse
import copy
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

import torch
import torch.nn.functional as F
from torch import nn

LONGEST, UPDATES = 500, 4


class CartPole:
    """Carts (N): state is position, speed, angle, angular speed; action 0 pushes left, 1 right. A fall ends an episode."""

    GRAVITY, CART, POLE, HALF, FORCE, TICK = 9.8, 1.0, 0.1, 0.5, 10.0, 0.02

    def __init__(self, count, generator):
        self.generator = generator
        self.state, self.age = self._fresh(count), torch.zeros(count)

    def _fresh(self, count):
        return torch.rand(count, 4, generator=self.generator) * 0.1 - 0.05

    def step(self, action):
        """(state after the push, who fell, ages of the episodes that ended); those begin anew."""
        x, speed, angle, spin = self.state.unbind(1)
        force = torch.where(action == 1, self.FORCE, -self.FORCE)
        total = self.CART + self.POLE
        pushed = (force + self.POLE * self.HALF * spin**2 * angle.sin()) / total
        turn = (self.GRAVITY * angle.sin() - angle.cos() * pushed) / (self.HALF * (4 / 3 - self.POLE * angle.cos() ** 2 / total))
        drive = pushed - self.POLE * self.HALF * turn * angle.cos() / total
        after = torch.stack([x + self.TICK * speed, speed + self.TICK * drive, angle + self.TICK * spin, spin + self.TICK * turn], 1)
        self.age += 1
        fell = (after[:, 0].abs() > 2.4) | (after[:, 2].abs() > 0.21)
        ended = fell | (self.age >= LONGEST)
        ages = self.age[ended].clone()
        self.state = torch.where(ended[:, None], self._fresh(len(after)), after)
        self.age = torch.where(ended, 0.0, self.age)
        return after, fell, ages


def make_model(width=128):
    """The value of either action, from a state whose angle is made as large as the rest."""
    first = nn.Linear(4, width)
    with torch.no_grad():
        first.weight[:, 2] *= 10
    return nn.Sequential(first, nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 2))


class Memory:
    """The last transitions, oldest overwritten first."""

    def __init__(self, size):
        self.size, self.count = size, 0
        self.parts = [torch.zeros(size, 4), torch.zeros(size, dtype=torch.int64), torch.zeros(size, 4), torch.zeros(size)]

    def add(self, *parts):
        """Keep a batch of (state, action, state after, whether it fell)."""
        places = (self.count + torch.arange(len(parts[0]))) % self.size
        for store, part in zip(self.parts, parts):
            store[places] = part.to(store.dtype)
        self.count += len(parts[0])

    def sample(self, count, generator):
        """A random batch."""
        places = torch.randint(min(self.count, self.size), (count,), generator=generator)
        return [store[places] for store in self.parts]


def loss_of(model, target, batch, discount=0.99):
    """Error of the values, 1 for standing for ever and 0 for falling, against those one step later (double Q-learning)."""
    state, action, after, fell = batch
    with torch.no_grad():
        best = model(after).argmax(1, keepdim=True)
        wanted = (1 - fell) * (1 - discount + discount * target(after).gather(1, best).squeeze(1))
    return F.mse_loss(model(state).gather(1, action[:, None]).squeeze(1), wanted)


def learn(model, target, optimizer, batch):
    """One step of the network; the target follows slowly."""
    optimizer.zero_grad()
    loss_of(model, target, batch).backward()
    nn.utils.clip_grad_norm_(model.parameters(), 10.0)
    optimizer.step()
    with torch.no_grad():
        for slow, fast in zip(target.parameters(), model.parameters()):
            slow.lerp_(fast, 0.01)


def draw(history, run, path):
    """Training on the left, the run on the right."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
    left.plot(*zip(*history))
    left.set(xlabel="step", ylabel="mean age of the last fifty episodes", ylim=(0, LONGEST + 10))
    right.plot(run[:, 0], label="position")
    right.plot(run[:, 2] * 10, label="angle x 10")
    right.set(xlabel="step")
    right.legend()
    figure.savefig(path, dpi=100)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--short", action="store_true", help="two hundred steps")
    parser.add_argument("--out", type=Path, default=Path("dqn_cartpole_out"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)

    generator = torch.Generator().manual_seed(0)
    carts, memory = CartPole(16, generator), Memory(50_000)
    model = make_model()
    target = copy.deepcopy(model).requires_grad_(False)
    steps = 200 if options.short else options.steps
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.05, steps)
    ages, history = [], []
    for step in range(1, steps + 1):
        before, explore = carts.state, max(0.02, 1 - 4 * step / steps)
        with torch.no_grad():
            action = model(before).argmax(1)
        random = torch.rand(len(action), generator=generator) < explore
        action = torch.where(random, torch.randint(2, action.shape, generator=generator), action)
        after, fell, ended = carts.step(action)
        memory.add(before, action, after, fell)
        ages += ended.tolist()
        for _ in range(UPDATES):
            learn(model, target, optimizer, memory.sample(128, generator))
        schedule.step()
        if step % max(1, steps // 40) == 0:
            recent = ages[-50:] or [0.0]
            history.append((step, sum(recent) / len(recent)))
            if step % max(1, steps // 8) == 0:
                print(f"step {step}: {len(ages)} episodes, the last fifty stood {history[-1][1]:.0f} steps")
    test, run = CartPole(1, generator), []
    for _ in range(LONGEST):
        run.append(test.state[0])
        with torch.no_grad():
            if test.step(model(test.state).argmax(1))[1]:
                break
    print(f"the trained network balances for {len(run)} of {LONGEST} steps")
    draw(history, torch.stack(run), options.out / "cartpole.png")


if __name__ == "__main__":
    main()
