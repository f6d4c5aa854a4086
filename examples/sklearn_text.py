"""From texts to the ones worth a label: columns of TF-IDF, and a head on them that `mode-choose --fit` fits.

``python examples/sklearn_text.py texts.csv OUT --budget 50`` reads the columns `text` and `label`; what has no label is
the pool. Without a file, made requests to a bank are taken, one intent starved, and the labels that are asked for are
filled in, as people would, so that a second command can judge the choice.

Sentence embeddings tell more than TF-IDF: see `transformers_text.py`, in which only `features_of` is another.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from mode_utils.repair.choose_command import main as mode_choose

INTENTS = {
    "lost card": ["I {lost} my {card}", "my {card} is gone since {when}", "somebody took my {card} {where}"],
    "card refused": [
        "my {card} does not work {where}",
        "{where} my {card} was refused",
        "they refused my {card} {when}",
    ],
    "code forgotten": ["I {lost} the code of my {card}", "which code has my {card}", "my code was refused {where}"],
    "no cash": ["I got no {money} {where}", "my {money} did not come out {where}", "{where} they kept my {money}"],
    "late transfer": ["my {money} has not come since {when}", "where is my {money} of {when}", "{money} is still open"],
    "wrong transfer": [
        "stop my {money} of {when}",
        "I sent {money} to somebody {when}",
        "take back my {money} of {when}",
    ],
    "refund": ["I want my {money} back {where}", "they owe me {money} since {when}", "when does my {money} come back"],
    "exchange rate": ["which rate has {money} {where}", "my rate was bad {where}", "how much is {money} {where}"],
}
SLOTS = {
    "lost": ["lost", "misplaced", "cannot find", "left behind", "forgot"],
    "card": ["card", "debit card", "credit card", "new card", "blue card", "bank card", "old card", "virtual card"],
    "money": ["20 pounds", "money", "100 euros", "some dollars", "wages", "rent", "50 in cash", "savings"],
    "where": ["at the cash machine", "in the shop", "at the airport", "online", "in a restaurant", "abroad", "here"],
    "when": ["yesterday", "Monday", "last week", "this morning", "May", "two days ago", "noon", "Christmas"],
}
BESIDE = ["by the way {when} I was {where}", "I have had my {card} since {when}", "it is about {money}", "thank you",
          "I wrote to you {when}", "my {card} is fine", "I need {money} {where}", "hello, please help"]  # fmt: skip


def make_requests(n=1_500, seed=0):
    """Return made requests, a DataFrame of `text` and `label`, each text once."""
    rng, found = np.random.default_rng(seed), {}
    while len(found) < n:
        label = str(rng.choice(list(INTENTS)))
        parts = rng.permutation([rng.choice(INTENTS[label]), *rng.choice(BESIDE, 2)])
        text = ", ".join(parts).format_map({slot: rng.choice(words) for slot, words in SLOTS.items()})
        found.setdefault(text, label)
    return pd.DataFrame({"text": list(found), "label": list(found.values())})


def make_example(seed=0):
    """Return requests of which a tenth has a label, and one intent is starved; and the labels of all (n,)."""
    whole, rng = make_requests(seed=seed), np.random.default_rng(seed)
    known = rng.random(len(whole)) < np.where(whole["label"] == "refund", 0.02, 0.1)
    return whole.assign(label=whole["label"].where(known, "")), whole["label"].to_numpy()


def features_of(texts, n_columns=100):
    """Return features (n, n_columns) float32 of texts, learned from all of them: no label is looked at."""
    counts = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True).fit_transform(texts)
    n_columns = min(n_columns, min(counts.shape) - 1)
    return TruncatedSVD(n_columns, random_state=0).fit_transform(counts).astype(np.float32)


def each_once(table):
    """Return a table with each text once, with its first label if one of its rows has any, in the order of the rows."""
    labelled_first = table.sort_values("label", key=lambda labels: labels == "", kind="stable")
    return labelled_first.drop_duplicates("text").sort_index(ignore_index=True)


def save_features(table, path, features=features_of, seed=0):
    """Write what `mode-choose --fit` takes: half of what has a label trains, half validates, the rest is the pool.

    `table` has `text`, each once, and `label`, empty where there is none. Returns the rows (n_pool,) of the pool.
    """
    x, labels = features(table["text"].tolist()), table["label"].to_numpy(str)
    known = np.random.default_rng(seed).permutation(np.flatnonzero(labels != ""))
    train, validation = np.array_split(known, 2)
    pool = np.flatnonzero(labels == "")
    arrays = {"features_train": x[train], "features_validation": x[validation], "features_pool": x[pool]}
    arrays |= {"y_train": labels[train], "y_validation": labels[validation]}
    texts = table["text"].to_numpy(str)  # the page for labels shows them, and failure modes are told by their words
    np.savez(path, **arrays, names_pool=texts[pool], names_validation=texts[validation])
    return pool


def main(arguments=None, features=features_of):
    """Choose texts that are worth a label; of the example, fill the labels in and judge the choice."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("texts", nargs="?", type=Path, help="CSV file with the columns text and label")
    parser.add_argument("out", type=Path, help="a new folder")
    parser.add_argument("--budget", type=int, default=60)
    given = parser.parse_args(arguments)
    table, answers = make_example() if given.texts is None else (pd.read_csv(given.texts, dtype=str).fillna(""), None)
    table = each_once(table)
    if not (table["label"] == "").any():
        raise SystemExit(f"error: each of {len(table)} texts of {given.texts} has a label: add some that have none")
    given.out.mkdir(parents=True)
    data = given.out / "features.npz"
    pool = save_features(table, data, features)
    choose = [str(data), "--fit", "--budget", str(given.budget)]
    status = mode_choose([*choose, str(given.out / "ask")])
    if status or answers is None:
        return status
    chosen = pd.read_csv(given.out / "ask/selected.csv")
    chosen.assign(label=answers[pool[chosen["index"]]]).to_csv(given.out / "labels.csv", index=False)
    return mode_choose([*choose, str(given.out / "judged"), "--apply", str(given.out / "labels.csv")])


if __name__ == "__main__":
    raise SystemExit(main())
