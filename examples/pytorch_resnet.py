"""A network in PyTorch: train it, choose from a pool by its outputs, retrain it, and compare with random inputs.

``python examples/pytorch_resnet.py images.npz OUT --budget 500`` takes `x_train`, `x_test` (n, height, width, 3) uint8
and `y_train`, `y_test` (n,), as `keras.datasets.cifar10` gives them, or
``python -m mode_utils.repair.reading.image_folders FOLDER images.npz`` makes them of folders. A part of the training
images trains, some validate, the rest are the pool. The labels of the pool are used where people would give them.
``--starved 2`` leaves two labels a hundredth of their training images, ``--epochs 2`` an underfit network, and
``--rivals`` compares with more than random inputs. OUT gets `runs.csv`, and what was chosen for the first seed.
"""

import argparse
import copy
import sys
from pathlib import Path

import numpy as np
import pandas as pd

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
            with torch.autocast(images.device.type, torch.bfloat16, enabled=images.is_cuda):
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


def split(arrays, n_train, n_validation, seed, n_starved=0):
    """Return (x, y) of "train", "validation" and "pool", drawn at random, and "test"; some labels are starved."""
    x, y, rng = arrays["x_train"], arrays["y_train"].ravel(), np.random.default_rng(seed)
    order = rng.permutation(len(y))
    parts = np.split(order, [n_train, n_train + n_validation])
    starved = np.isin(y, rng.choice(np.unique(y), n_starved, replace=False))
    parts[0] = parts[0][~starved[parts[0]] | (rng.random(n_train) < 0.01)]
    roles = {role: (x[rows], y[rows]) for role, rows in zip(("train", "validation", "pool"), parts, strict=True)}
    return roles | {"test": (arrays["x_test"], arrays["y_test"].ravel())}


def choose(arrays, y_pool, given, folder, seed):
    """Return, by strategy, places in the pool: of what `mode-choose` chooses, of random ones, and of two rivals."""
    labels = {"y_pool": y_pool} if given.labelled else {}
    arrays, n, rng = arrays | labels, given.budget, np.random.default_rng([seed, 1])
    chosen = {"chosen": choose_from_arrays(arrays, n, folder, seed=seed).chosen["index"].to_numpy()}
    chosen["random"] = rng.choice(len(y_pool), n, replace=False)
    if given.rivals:
        of_label = choose_from_arrays(arrays, n, seed=seed, selector="random", skip=())
        chosen["any of the label"] = of_label.chosen["index"].to_numpy()
        top_two = np.sort(arrays["probabilities_pool"])[:, -2:]
        chosen["margin"] = np.argsort(top_two[:, 1] - top_two[:, 0])[:n]
    return chosen


def run(roles, given, seed, folder=None):
    """Return a row a strategy: test accuracies `before`, after retraining on what was chosen, too, and from scratch."""
    torch.manual_seed(seed)
    (x, y), (x_pool, y_pool), (x_test, y_test) = (roles[role] for role in ("train", "pool", "test"))
    model = ResNet(1 + int(y.max()), given.width).to(given.device)
    fresh = copy.deepcopy(model)
    train(model, x, y, epochs=given.epochs, rate=0.1, seed=seed)
    arrays = {"y_validation": roles["validation"][1], "y_train": y}
    for role in ("train", "validation", "pool"):
        arrays[f"features_{role}"], arrays[f"probabilities_{role}"] = outputs(model, roles[role][0])

    def accuracy(network):
        return (outputs(network, x_test)[1].argmax(axis=1) == y_test).mean()

    rows, before = [], accuracy(model)
    for strategy, places in choose(arrays, y_pool, given, folder, seed).items():
        both = np.concatenate([x, x_pool[places]]), np.concatenate([y, y_pool[places]])
        again = train(copy.deepcopy(model), *both, epochs=given.again, rate=0.02, seed=seed)
        row = {"seed": seed, "strategy": strategy, "samples": len(places), "before": before, "after": accuracy(again)}
        if given.from_scratch:
            row["from scratch"] = accuracy(train(copy.deepcopy(fresh), *both, epochs=given.epochs, rate=0.1, seed=seed))
        rows.append(row)
    return rows


def main(arguments=None):
    """Run some seeds and print a table; the folder gets what was chosen for the first one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", type=Path)
    parser.add_argument("out", type=Path, help="a new folder")
    for name, default in {"budget": 500, "seeds": 1, "epochs": 15, "again": 5, "width": 64}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--train", type=int, default=20_000, help="images that train (default: %(default)s)")
    parser.add_argument("--validation", type=int, default=500)
    parser.add_argument("--starved", type=int, default=0, help="labels with a hundredth of their training images")
    parser.add_argument("--labelled", action="store_true", help="choose by the labels of the pool, too")
    parser.add_argument("--rivals", action="store_true", help="compare with any of the label and margin, too")
    parser.add_argument("--from-scratch", action="store_true", help="train anew on old and new images, too")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    given = parser.parse_args(arguments)
    with np.load(given.images, allow_pickle=False) as file:
        arrays = dict(file)
    n_labels = len(np.unique(arrays["y_train"]))
    if given.out.exists():
        parser.error(f"{given.out} exists: name a new folder")
    if not 0 <= given.starved < n_labels:
        parser.error(f"--starved {given.starved}: it must be in 0 .. {n_labels - 1}, as there are {n_labels} labels")
    device, rows = torch.cuda.get_device_name() if given.device == "cuda" else given.device, []
    for seed in range(given.seeds):
        roles = split(arrays, given.train, given.validation, seed, given.starved)
        rows += run(roles, given, seed, None if seed else given.out)
        table = pd.DataFrame(rows).assign(
            starved=given.starved, labelled=given.labelled, epochs=given.epochs, device=device
        )
        table.to_csv(given.out / "runs.csv", index=False)
        print(f"seed {seed}\n{_means(table[table['seed'] == seed])}\n", flush=True)
    print(f"mean of {given.seeds}\n{_means(table)}")


def _means(table):
    accuracies = [name for name in ("before", "after", "from scratch") if name in table]
    return table.groupby("strategy", sort=False)[accuracies].mean().to_markdown(floatfmt=".2%")


if __name__ == "__main__":
    main()
