"""A budget that is spent in steps: a head learns what was chosen so far, and looks at the pool again.

Chosen all at once, many inputs show a head the same thing. Where the pool has no labels, the head learns what the
reference takes the inputs for; a person is still asked for all of them at once. For a model that is not refitted here,
and where a group may have so many, all are chosen at once. Why three steps: docs/embeddings.md.
"""

from dataclasses import replace

import numpy as np

from mode_utils.selection.allocation import Schedule
from mode_utils.support.checks import check_least

STEPS = 3


def check_steps(steps, options, head):
    """Raise a ValueError if a budget cannot be spent in so many steps; 0 leaves their number open."""
    check_least("steps", steps, 0)
    budget, most = options.batch_size, options.at_most_per_group
    if steps > 1 and not head:
        raise ValueError(f"steps = {steps} needs a head that is refitted here after each: have one fitted, or choose 1")
    if steps > 1 and most:
        raise ValueError(f"steps = {steps} with at_most_per_group = {most}: a group is limited at once; leave out one")
    if steps > budget:
        raise ValueError(f"steps = {steps} are more than the budget, which is {budget}")


def steps_of(case):
    """Return the number of steps, at least 1, that a case spends its budget in."""
    if case.head is None or case.options.at_most_per_group:
        return 1
    left = case.options.batch_size - round(case.options.control_share * case.options.batch_size)
    return max(1, min(case.steps or STEPS, left))


def choose_batches(case, selection, assessment, modes=None):
    """Return a list of `Batch`, as they are chosen one after the other; none if there is nothing to repair.

    `selection` is of `case.new_selection`, and `assessment` of `case.assess`. The control arm is in the first one.
    """
    if (n_steps := steps_of(case)) == 1:
        batch = selection.next_batch(assessment, modes=modes)
        return [] if batch is None else [batch]
    arm, known, batches = selection.draw_arm().new, selection.known.labels, []
    gone, chosen = np.union1d(case.used, arm).astype(int), np.empty(0, int)
    left = selection.allowed & selection.pool.without(arm).available  # by what is known at first
    n = min(case.options.batch_size - len(arm), max(1, left.sum()))  # where none is left, the first step says so
    sizes = [len(part) for part in np.array_split(np.arange(n), n_steps)]
    for size in filter(None, sizes):
        options = replace(case.options, batch_size=size, control_share=0.0)
        outputs = _outputs_after(case, chosen, known) if batches else case.outputs
        step = replace(case, options=options, used=np.union1d(gone, chosen), outputs=outputs)
        again = step.new_selection(None if batches else selection.known)
        again.reference, again.allowed = selection.reference, selection.allowed
        batch = again.next_batch(step.assess() if batches else assessment, modes=None if batches else modes)
        if batch is None and batches:  # nothing is wrong any more: what was wrong at first needs the rest
            again.schedule = Schedule(options)
            batch = again.next_batch(assessment, modes=modes)
        if batch is None:
            break
        batches.append(batch)
        chosen = np.union1d(chosen, batch.indices)
    return [replace(batches[0], arm=arm), *batches[1:]] if batches else []


def _outputs_after(case, places, labels):
    """Return what the head makes of all samples once it has learned these places of the pool, too."""
    return case.outputs.seen_by(case.head.learned(case.outputs.states_at(places), labels[places]))
