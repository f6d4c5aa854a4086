"""Random streams of a run: what draws more numbers in one stream changes nothing in the others."""

import numpy as np

STREAMS = ("split", "weights", "initial_training", "repair", "pool", "reference")  # new ones last


def run_streams(seed):
    """Return fresh random generators of a run, by what they decide: a dict with the keys `STREAMS`."""
    children = np.random.SeedSequence(seed).spawn(len(STREAMS))
    return {name: np.random.default_rng(child) for name, child in zip(STREAMS, children, strict=True)}


def reference_stream(rng):
    """Return a fresh stream of a run's reference, by that of its repair, for all its strategies alike; else None."""
    sequence, place = rng.bit_generator.seed_seq, STREAMS.index("repair")
    return run_streams(sequence.entropy)["reference"] if sequence.spawn_key[:1] == (place,) else None


def repair_streams(seed):
    """Return the streams of a repair, for its retrainings and for its choices, by a run's seed or a generator."""
    return (seed if isinstance(seed, np.random.Generator) else run_streams(seed)["repair"]).spawn(2)
