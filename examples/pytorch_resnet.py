"""A network in PyTorch: train it, choose from a pool by its outputs, retrain it, and compare with random inputs.

``python examples/pytorch_resnet.py images.npz OUT --budget 500`` takes `x_train`, `x_test` (n, height, width, 3) uint8
and `y_train`, `y_test` (n,), as `keras.datasets.cifar10` gives them, or
``python -m mode_utils.repair.reading.image_folders FOLDER images.npz`` makes them of folders. A part of the training
images trains, some validate, the rest are the pool. The labels of the pool are used where people would give them.
"""

import argparse
import copy
import sys
from pathlib import Path

import numpy as np

try:
    import torch
    from torch import nn
except ImportError as error:
    sys.exit(f"{error}: pip install torch")

from mode_utils.repair import choose_from_arrays


class ResNet(nn.Module):
    """A small residual network; `body` gives features, `head` logits."""

    def __init__(self, n_classes, width=64):
        super().__init__()
        layers = [_block(3, width), _block(width, 2 * width, pool=True), _Residual(2 * width)]
        layers += [_block(2 * width, 4 * width, pool=True), _Residual(4 * width)]
        self.body = nn.Sequential(*layers, nn.AdaptiveMaxPool2d(1), nn.Flatten())
        self.head = nn.Linear(4 * width, n_classes)

    def forward(self, x):
        """Return logits (n, n_classes) of images (n, 3, height, width)."""
        return self.head(self.body(x))


class _Residual(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.both = nn.Sequential(_block(width, width), _block(width, width))

    def forward(self, x):
        return x + self.both(x)


def _block(n_in, n_out, pool=False):
    layers = [nn.Conv2d(n_in, n_out, 3, padding=1, bias=False), nn.BatchNorm2d(n_out), nn.ReLU()]
    return nn.Sequential(*layers, *([nn.MaxPool2d(2)] if pool else []))


def train(model, x, y, *, epochs, rate, seed, batch_size=256):
    """Train a network on images (n, height, width, 3) uint8, which are shifted and mirrored at random."""
    generator = torch.Generator().manual_seed(seed)
    n_batches = -(-len(x) // batch_size)
    optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9, weight_decay=5e-4, nesterov=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=epochs * n_batches)
    model.train()
    for _ in range(epochs):
        for rows in torch.randperm(len(x), generator=generator).split(batch_size):
            images = _vary(_images(model, x[rows.numpy()]), generator)
            labels = torch.as_tensor(y[rows.numpy()], dtype=torch.long, device=images.device)
            loss = nn.functional.cross_entropy(model(images), labels, label_smoothing=0.1)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return model


def _images(model, x):
    device = next(model.parameters()).device
    return torch.from_numpy(x).to(device).permute(0, 3, 1, 2).float() / 127.5 - 1


def _vary(images, generator):
    if torch.rand((), generator=generator) < 0.5:
        images = images.flip(3)
    return torch.roll(images, torch.randint(-3, 4, (2,), generator=generator).tolist(), (2, 3))


def outputs(model, x, batch_size=1_000):
    """Return features (n, n_features) and probabilities (n, n_classes) of images, float32: what `mode-choose` takes."""
    features, probabilities = [], []
    model.eval()
    with torch.inference_mode():
        for start in range(0, len(x), batch_size):
            features.append(model.body(_images(model, x[start : start + batch_size])))
            probabilities.append(model.head(features[-1]).softmax(dim=1))
    return torch.cat(features).cpu().numpy(), torch.cat(probabilities).cpu().numpy()


def split(arrays, n_train, n_validation, seed):
    """Return (x, y) of "train", "validation" and "pool", drawn at random, and "test"."""
    x, y = arrays["x_train"], arrays["y_train"].ravel()
    order = np.random.default_rng(seed).permutation(len(y))
    parts = np.split(order, [n_train, n_train + n_validation])
    roles = {role: (x[rows], y[rows]) for role, rows in zip(("train", "validation", "pool"), parts, strict=True)}
    return roles | {"test": (arrays["x_test"], arrays["y_test"].ravel())}


def run(roles, given, seed, folder=None):
    """Return test accuracies: of the first network, and retrained with what was chosen and with as many at random."""
    torch.manual_seed(seed)
    (x, y), (x_pool, y_pool), (x_test, y_test) = (roles[role] for role in ("train", "pool", "test"))
    model = ResNet(1 + int(y.max()), given.width).to(given.device)
    train(model, x, y, epochs=given.epochs, rate=0.1, seed=seed)
    arrays = {"y_validation": roles["validation"][1], "y_train": y}
    for role in ("train", "validation", "pool"):
        arrays[f"features_{role}"], arrays[f"probabilities_{role}"] = outputs(model, roles[role][0])
    chosen = choose_from_arrays(arrays, given.budget, folder, seed=seed).chosen["index"].to_numpy()
    drawn = np.random.default_rng([seed, 1]).choice(len(y_pool), len(chosen), replace=False)
    found = {"before": (outputs(model, x_test)[1].argmax(axis=1) == y_test).mean()}
    for kind, rows in {"chosen": chosen, "random": drawn}.items():
        both = np.concatenate([x, x_pool[rows]]), np.concatenate([y, y_pool[rows]])
        again = train(copy.deepcopy(model), *both, epochs=given.again, rate=0.02, seed=seed)
        found[kind] = (outputs(again, x_test)[1].argmax(axis=1) == y_test).mean()
    return found


def main(arguments=None):
    """Run some seeds and print a table; the folder gets what was chosen for the first one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", type=Path)
    parser.add_argument("out", type=Path, help="a new folder")
    for name, default in {"budget": 500, "seeds": 1, "epochs": 15, "again": 5, "width": 64}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--train", type=int, default=20_000, help="images that train (default: %(default)s)")
    parser.add_argument("--validation", type=int, default=500)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    given = parser.parse_args(arguments)
    with np.load(given.images, allow_pickle=False) as file:
        arrays = dict(file)
    print("| seed | before | chosen | random | chosen - random |\n|---|---|---|---|---|")
    for seed in range(given.seeds):
        roles = split(arrays, given.train, given.validation, seed)
        found = run(roles, given, seed, None if seed else given.out)
        differ = 100 * (found["chosen"] - found["random"])
        print(f"| {seed} | {' | '.join(f'{each:.2%}' for each in found.values())} | {differ:+.2f} pp |", flush=True)


if __name__ == "__main__":
    main()
