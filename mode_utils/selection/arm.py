"""The control arm: the part of a budget that is drawn at random from the whole pool, round after round."""

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Arm:
    """A random sample of the whole pool, as places in it: what was chosen before is in it as likely as any other."""

    places: np.ndarray = field(default_factory=lambda: np.empty(0, int))  #: (n,) int, all members so far, in order
    new: np.ndarray = field(default_factory=lambda: np.empty(0, int))  #: (n_new,) int, those that need a label now


def draw_arm(order, n_new, known=(), earlier=()):
    """Return the `Arm` that goes on where a random order of the pool was left.

    Members without a label are asked for; those that have one, as they were chosen before or came with it, join at no
    cost. Without that, the arm would be a sample of what choosing has left. The beginning of the order up to the last
    new member is an arm: a smaller `n_new` has the same first members, and a later round goes on behind it.

    Parameters
    ----------
    order : (n_pool,) int, all places of the pool in random order, the same in all rounds
    n_new : int, at least 0, members to ask for; fewer where fewer are left
    known : sequence of int, places whose label is known
    earlier : sequence of int, members of earlier rounds, whatever order they are from
    """
    left = order[~np.isin(order, earlier)]
    is_new = ~np.isin(left, known)
    is_new_member = is_new & (np.cumsum(is_new) <= n_new)
    end = np.flatnonzero(is_new_member)[-1] + 1 if is_new_member.any() else 0
    places = np.concatenate([np.asarray(earlier, int), left[:end]])
    return Arm(places, left[is_new_member])
