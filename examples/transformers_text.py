"""From texts to the ones worth a label, by the frozen sentence embeddings of a model that somebody else has trained.

``python examples/transformers_text.py texts.csv OUT --budget 50`` is `sklearn_text.py` with other features. It takes
``pip install transformers torch``, and downloads the model (90 MB) once.
"""

import sys

import numpy as np
from sklearn_text import main  # the example beside this one

MODEL = "sentence-transformers/all-MiniLM-L6-v2"
_AT_ONCE = 64  # texts


def mean_of_tokens(states, mask):
    """Return the mean states (n, n_features) of the tokens (n, n_tokens) that are there, each of length 1."""
    means = (states * mask[..., None]).sum(1) / mask.sum(1)[..., None]
    return means / (means**2).sum(1)[..., None] ** 0.5


def features_of(texts, name=MODEL):
    """Return features (n, n_features) float32 of texts."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(name), AutoModel.from_pretrained(name).eval()
    found = []
    with torch.inference_mode():
        for start in range(0, len(texts), _AT_ONCE):
            tokens = tokenizer(texts[start : start + _AT_ONCE], padding=True, truncation=True, return_tensors="pt")
            found.append(mean_of_tokens(model(**tokens).last_hidden_state, tokens["attention_mask"]).numpy())
    return np.concatenate(found).astype(np.float32)


if __name__ == "__main__":
    try:
        import torch  # noqa: F401
        import transformers  # noqa: F401
    except ImportError as error:
        sys.exit(f"{error}: pip install transformers torch")
    sys.exit(main(features=features_of))
