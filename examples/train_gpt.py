"""Train a small GPT, byte by byte, on the source text of the Python standard library found on this machine.

    python examples/train_gpt.py                      about three minutes on two cores
    python examples/train_gpt.py --resume             go on after an interrupt, with the losses of an uninterrupted run
    python examples/train_gpt.py --size small --steps 3000 --threads 8

Ctrl-C saves a checkpoint and stops. The output folder receives checkpoint.pt, losses.csv, losses.png and sample.txt.
The same file runs on any `torch`.
"""

import argparse
import csv
import math
import os
import signal
import struct
import sys
import sysconfig
import time
import zlib
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

SIZES = {  # layers, heads, width, context
    "tiny": (2, 4, 96, 64),
    "default": (4, 4, 160, 128),
    "small": (6, 6, 192, 192),
    "base": (8, 8, 384, 256),
}
VOCABULARY = 256
SKIPPED = {"test", "tests", "idle_test", "site-packages", "__pycache__", "pydoc_data"}


# --------------------------------------------------------------------------------------------------------------- data

def read_corpus(limit):
    """(training bytes, validation bytes): every twentieth file of the standard library is held out."""
    root = Path(sysconfig.get_path("stdlib"))
    parts = {True: [], False: []}
    total = 0
    paths = sorted(path for path in root.rglob("*.py") if not SKIPPED & set(path.relative_to(root).parts))
    for number, path in enumerate(paths):
        if total >= limit:
            break
        text = path.read_bytes()
        parts[number % 20 == 10].append(text)
        total += len(text)
    train, held_out = (torch.frombuffer(bytearray(b"\n".join(parts[kind])), dtype=torch.uint8) for kind in (False, True))
    if len(held_out) < 1000:
        raise SystemExit(f"The standard library's source text was not found under {root}")
    return train, held_out


def batch(data, count, context, seed):
    """`count` random windows (count, context + 1) as int64; the seed alone decides which."""
    generator = torch.Generator().manual_seed(seed)
    starts = torch.randint(len(data) - context - 1, (count,), generator=generator)
    return data[starts.unsqueeze(1) + torch.arange(context + 1)].long()


# -------------------------------------------------------------------------------------------------------------- model

class Block(nn.Module):
    """Causal self-attention and a feed-forward layer, each with residual and norm before it."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.project = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width, bias=False)
        self.expand, self.contract = nn.Linear(width, 4 * width, bias=False), nn.Linear(4 * width, width, bias=False)

    def forward(self, x):
        rows, length, width = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(rows, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.project(mixed.transpose(1, 2).reshape(rows, length, width))
        return x + self.contract(F.gelu(self.expand(self.norm2(x))))


class GPT(nn.Module):
    """Byte-level language model; tokens (N, L) to logits (N, L, 256)."""

    def __init__(self, layers, heads, width, context):
        super().__init__()
        self.context = context
        self.tokens, self.positions = nn.Embedding(VOCABULARY, width), nn.Embedding(context, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, VOCABULARY, bias=False)
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                scale = 1 / math.sqrt(2 * layers) if name.endswith(("project.weight", "contract.weight")) else 1
                nn.init.normal_(parameter, std=0.02 * scale)
        self.head.weight = self.tokens.weight

    def forward(self, tokens):
        x = self.tokens(tokens) + self.positions.weight[:tokens.shape[1]]
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))

    def loss(self, windows):
        """Mean cross entropy, in nats per byte, of predicting each byte of the windows from those before it."""
        logits = self(windows[:, :-1])
        return F.cross_entropy(logits.float().reshape(-1, VOCABULARY), windows[:, 1:].reshape(-1))

    @torch.no_grad()
    def generate(self, prompt, count, temperature, generator):
        """Continue the bytes `prompt` by `count` sampled ones."""
        device = self.head.weight.device
        tokens = torch.tensor(list(prompt), device=device).unsqueeze(0)
        for _ in range(count):
            logits = self(tokens[:, -self.context:])[0, -1].float() / temperature
            following = torch.multinomial(logits.softmax(-1).cpu(), 1, generator=generator)
            tokens = torch.cat([tokens, following.to(device).unsqueeze(0)], dim=1)
        return bytes(tokens[0].tolist())


# ----------------------------------------------------------------------------------------------------------- training

class Interrupt:
    """Turns the first Ctrl-C into a wish to stop after the current step; the second one acts at once."""

    def __init__(self):
        self.wanted = False
        self.previous = signal.signal(signal.SIGINT, self)

    def __call__(self, *_):
        self.wanted = True
        signal.signal(signal.SIGINT, self.previous)


class Trainer:
    """Model, optimizer, schedule and what has happened so far; everything that a checkpoint holds."""

    def __init__(self, options):
        self.options = options
        torch.manual_seed(options.seed)
        layers, heads, width, context = SIZES[options.size]
        self.train_data, self.held_out = read_corpus(options.corpus_bytes)
        self.model = GPT(layers, heads, width, context).to(options.device, getattr(torch, options.dtype))
        matrices = [p for p in self.model.parameters() if p.dim() == 2]
        others = [p for p in self.model.parameters() if p.dim() != 2]
        self.optimizer = torch.optim.AdamW([{"params": matrices, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}],
                                           lr=options.lr, betas=(0.9, 0.98))
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, self.rate)
        self.step = 0
        self.losses = {"train": [], "validation": []}  # (step, nats per byte)

    def rate(self, step):
        """Learning rate relative to its peak: linear warm-up, then half a cosine down to a tenth."""
        warmup, total = self.options.warmup, self.options.steps
        if step < warmup:
            return (step + 1) / warmup
        return 0.55 + 0.45 * math.cos(math.pi * min(1.0, (step - warmup) / max(1, total - warmup)))

    @property
    def checkpoint(self):
        return Path(self.options.out) / "checkpoint.pt"

    def save(self):
        """Write the checkpoint beside the old one and put it in its place in one move."""
        fresh = self.checkpoint.with_suffix(".new")
        torch.save({"settings": settings(self.options), "step": self.step, "losses": self.losses,
                    "model": self.model.state_dict(), "optimizer": self.optimizer.state_dict(),
                    "schedule": self.schedule.state_dict()}, fresh)
        os.replace(fresh, self.checkpoint)

    def load(self):
        """Go back to where the checkpoint was written."""
        state = torch.load(self.checkpoint, map_location=self.options.device)
        if state["settings"] != settings(self.options):
            raise SystemExit(f"{self.checkpoint} was made with other settings: {state['settings']}")
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.step, self.losses = state["step"], state["losses"]

    def train_step(self):
        options = self.options
        windows = batch(self.train_data, options.batch, self.model.context, options.seed * 1_000_003 + self.step)
        loss = self.model.loss(windows.to(options.device))
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.schedule.step()
        self.step += 1
        self.losses["train"].append((self.step, loss.item()))

    @torch.no_grad()
    def validate(self, batches=8):
        self.model.eval()
        total = 0.0
        for number in range(batches):
            windows = batch(self.held_out, self.options.batch, self.model.context, 7_000_003 + number)
            total += self.model.loss(windows.to(self.options.device)).item()
        self.model.train()
        self.losses["validation"].append((self.step, total / batches))

    def run(self):
        """Train to the last step or to an interrupt; returns True when all steps are done."""
        options, interrupt, progress = self.options, Interrupt(), Progress(self)
        while self.step < options.steps and not interrupt.wanted:
            self.train_step()
            if self.step % options.validate_every == 0 or self.step == options.steps:
                self.validate()
            if self.step % options.save_every == 0:
                self.save()
            progress.show()
        self.save()
        progress.end()
        return self.step >= options.steps


def settings(options):
    """The options that decide the numbers; a checkpoint fits only a run with the same ones."""
    names = ("size", "steps", "batch", "lr", "warmup", "seed", "dtype", "validate_every", "corpus_bytes")
    return {name: getattr(options, name) for name in names}


class Progress:
    """A bar with tokens per second, losses and the time left; plain lines when the output is not a terminal."""

    def __init__(self, trainer):
        self.trainer, self.first = trainer, trainer.step
        self.began = self.shown = time.perf_counter()
        self.live = sys.stdout.isatty()

    def show(self):
        now, trainer = time.perf_counter(), self.trainer
        options, done = trainer.options, trainer.step == trainer.options.steps
        if not done and now - self.shown < (0.2 if self.live else 10):
            return
        self.shown = now
        seconds = now - self.began
        rate = (trainer.step - self.first) / seconds
        recent = [loss for _, loss in trainer.losses["train"][-20:]]
        filled = 24 * trainer.step // options.steps
        text = (f"[{'#' * filled}{'.' * (24 - filled)}] {trainer.step}/{options.steps}  "
                f"{rate * options.batch * trainer.model.context:,.0f} tokens/s  train {sum(recent) / len(recent):.3f}")
        if trainer.losses["validation"]:
            text += f"  validation {trainer.losses['validation'][-1][1]:.3f}"
        text += f"  {(options.steps - trainer.step) / rate:.0f} s left"
        print(f"\r{text:<110}" if self.live else text, end="" if self.live else "\n", flush=True)

    def end(self):
        print(flush=True) if self.live else None


# ------------------------------------------------------------------------------------------------------------ picture

GLYPHS = {  # 5 x 7 pixels, a row a number, most significant bit on the left
    "0": (14, 17, 19, 21, 25, 17, 14), "1": (4, 12, 4, 4, 4, 4, 14), "2": (14, 17, 1, 6, 8, 16, 31),
    "3": (30, 1, 1, 14, 1, 1, 30), "4": (2, 6, 10, 18, 31, 2, 2), "5": (31, 16, 30, 1, 1, 17, 14),
    "6": (6, 8, 16, 30, 17, 17, 14), "7": (31, 1, 2, 4, 8, 8, 8), "8": (14, 17, 17, 14, 17, 17, 14),
    "9": (14, 17, 17, 15, 1, 2, 12), ".": (0, 0, 0, 0, 0, 12, 12), " ": (0,) * 7, "-": (0, 0, 0, 14, 0, 0, 0),
    "a": (0, 0, 14, 1, 15, 17, 15), "b": (16, 16, 30, 17, 17, 17, 30), "d": (1, 1, 15, 17, 17, 17, 15),
    "e": (0, 0, 14, 17, 31, 16, 14), "i": (4, 0, 12, 4, 4, 4, 14), "l": (12, 4, 4, 4, 4, 4, 14),
    "n": (0, 0, 22, 25, 17, 17, 17), "o": (0, 0, 14, 17, 17, 17, 14), "p": (0, 0, 30, 17, 30, 16, 16),
    "r": (0, 0, 22, 25, 16, 16, 16), "s": (0, 0, 15, 16, 14, 1, 30), "t": (8, 8, 28, 8, 8, 9, 6),
    "v": (0, 0, 17, 17, 17, 10, 4), "y": (0, 0, 17, 17, 15, 1, 14),
}


class Picture:
    """An RGB canvas that can draw lines and small text and be saved as PNG."""

    def __init__(self, width, height):
        self.width, self.height = width, height
        self.pixels = bytearray(b"\xff" * (3 * width * height))

    def dot(self, x, y, color):
        if 0 <= x < self.width and 0 <= y < self.height:
            start = 3 * (y * self.width + x)
            self.pixels[start:start + 3] = bytes(color)

    def line(self, x0, y0, x1, y1, color, thickness=1):
        count = max(1, math.ceil(max(abs(x1 - x0), abs(y1 - y0))))
        for i in range(count + 1):
            x, y = round(x0 + (x1 - x0) * i / count), round(y0 + (y1 - y0) * i / count)
            for dx in range(thickness):
                for dy in range(thickness):
                    self.dot(x + dx, y + dy, color)

    def text(self, x, y, text, color=(60, 60, 60), scale=2):
        for letter in text:
            for row, bits in enumerate(GLYPHS[letter]):
                for column in range(5):
                    if bits >> (4 - column) & 1:
                        for offset in range(scale * scale):
                            self.dot(x + scale * column + offset % scale, y + scale * row + offset // scale, color)
            x += 6 * scale

    def save(self, path):
        rows = b"".join(b"\0" + self.pixels[3 * self.width * y:3 * self.width * (y + 1)] for y in range(self.height))

        def chunk(kind, body):
            return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

        header = struct.pack(">IIBBBBB", self.width, self.height, 8, 2, 0, 0, 0)
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9))
                         + chunk(b"IEND", b""))


def draw_losses(losses, path):
    """Both loss curves over the steps, with axes and a legend."""
    picture, left, right, top, bottom = Picture(960, 540), 90, 930, 30, 470
    steps = max(step for curve in losses.values() for step, _ in curve)
    values = [loss for curve in losses.values() for _, loss in curve]
    low, high = math.floor(min(values) * 2) / 2, math.ceil(max(values) * 2) / 2

    def place(step, loss):
        return left + (right - left) * step / steps, bottom - (bottom - top) * (loss - low) / (high - low)

    for i in range(int((high - low) * 2) + 1):
        _, y = place(0, low + i / 2)
        picture.line(left, y, right, y, (225, 225, 225))
        picture.text(left - 48, round(y) - 7, f"{low + i / 2:.1f}")
    for i in range(5):
        x, _ = place(steps * i / 4, low)
        picture.line(x, bottom, x, bottom + 6, (90, 90, 90))
        label = str(round(steps * i / 4))
        picture.text(round(x) - 6 * len(label), bottom + 14, label)
    picture.line(left, bottom, right, bottom, (90, 90, 90))
    picture.line(left, top, left, bottom, (90, 90, 90))
    picture.text((left + right) // 2 - 24, bottom + 44, "step")
    picture.text(left + 4, 6, "nats per byte")
    colors = {"train": (150, 190, 230), "validation": (200, 70, 40)}
    for number, (name, curve) in enumerate(losses.items()):
        for (s0, l0), (s1, l1) in zip(curve, curve[1:]):
            picture.line(*place(s0, l0), *place(s1, l1), colors[name], 1 if name == "train" else 3)
        picture.line(right - 210, top + 22 + 26 * number, right - 170, top + 22 + 26 * number, colors[name], 3)
        picture.text(right - 160, top + 16 + 26 * number, name)
    picture.save(path)


# --------------------------------------------------------------------------------------------------------------- main

def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="default")
    parser.add_argument("--steps", type=int, default=1600)
    parser.add_argument("--batch", type=int, default=8, help="windows a step")
    parser.add_argument("--lr", type=float, default=2e-3, help="peak learning rate")
    parser.add_argument("--warmup", type=int, default=50, help="steps of rising learning rate")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", choices=("float32", "bfloat16", "float64"), default="float32")
    parser.add_argument("--threads", type=int, help="threads of the CPU; default: all cores")
    parser.add_argument("--corpus-bytes", type=int, default=6_000_000, help="how much text to read")
    parser.add_argument("--validate-every", type=int, default=50)
    parser.add_argument("--save-every", type=int, default=100)
    parser.add_argument("--out", default="train_gpt_out", help="folder for checkpoint, picture and sample")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in the folder")
    return parser.parse_args()


def report(trainer):
    """Write losses.csv, losses.png and sample.txt and show the sample."""
    out = Path(trainer.options.out)
    with open(out / "losses.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("curve", "step", "nats_per_byte"))
        writer.writerows((name, step, f"{loss:.6f}") for name, curve in trainer.losses.items() for step, loss in curve)
    draw_losses(trainer.losses, out / "losses.png")
    trainer.model.eval()
    generator = torch.Generator().manual_seed(trainer.options.seed)
    sample = trainer.model.generate(b"def ", 500, 0.7, generator).decode("utf-8", "replace")
    (out / "sample.txt").write_text(sample, encoding="utf-8")
    print(f"\nvalidation {trainer.losses['validation'][-1][1]:.3f} nats per byte; curves in {out / 'losses.png'}\n\n{sample}")


def main():
    options = parse_arguments()
    if options.threads:
        torch.set_num_threads(options.threads)
    Path(options.out).mkdir(parents=True, exist_ok=True)
    trainer = Trainer(options)
    if options.resume and trainer.checkpoint.exists():
        trainer.load()
    count = sum(parameter.numel() for parameter in trainer.model.parameters())
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {count:,} parameters, "
          f"{len(trainer.train_data):,} bytes to train on, {len(trainer.held_out):,} to validate", flush=True)
    if trainer.run():
        report(trainer)
    else:
        print(f"Stopped after step {trainer.step}. Continue with --resume.")


if __name__ == "__main__":
    main()
