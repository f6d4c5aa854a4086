"""Rounds of a head that is refitted here: what it predicts with the labels that came, and with as many drawn."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from mode_utils.repair.campaign.compared import compare_with_random
from mode_utils.repair.campaign.gain import PLANNED_ROUNDS
from mode_utils.repair.campaign.judged import judge_lines
from mode_utils.repair.campaign.labelled_round import judge_outcome, outcome_of
from mode_utils.repair.campaign.next_round import LABEL_COST
from mode_utils.repair.campaign.rounds import rounds_with


def judge_head(case, chosen, labelled=None, planned=PLANNED_ROUNDS, label_cost=LABEL_COST):
    """Refit a head on old and new samples, and judge it: a `RepairOutcome`; None where the new ones have no labels.

    Parameters
    ----------
    case : outputs.OutputsCase, with a `head`
    chosen : pandas.DataFrame, see `choosing.choice.choose_inputs`; of a labelled pool, as many drawn at random are
        compared with it
    labelled : labelled_round.LabelledRound, optional, of a pool without labels
    planned, label_cost : see `labelled_round.judge_outcome`
    """
    if labelled:
        return judge_outcome(labelled, refit_round(labelled), planned, label_cost)
    if not case.data.pool_labelled or not len(chosen):
        return None
    added = chosen["index"].to_numpy(), case.data.y_pool[chosen["index"]]
    found = outcome_of(case, _labels_after(case, *added), added)
    compared = compare_with_random(case, *added, planned=planned)
    gain, spread = compared.gain, compared.table["random"].std()
    judged = judge_lines(case, rounds_with(case, found), gain, spread, planned, label_cost)
    return replace(found, judged=replace(judged, doubt=compared.doubt))


def refit_round(labelled):
    """Return what the head predicts that learns from the labels of a round, and those of its `trainings`."""
    case, gathered = labelled.case, labelled.gathered
    made = {
        kind: np.array([_retrained(case, np.sort(places), labelled.known) for places in every])
        for kind, every in labelled.plan.items()
    }
    return {"now": _labels_after(case, gathered.indices, gathered.labels)} | made


def save_heads(folder, case, outcome=None):
    """Write `head.npz` into a folder, and `repaired_head.npz` after a round that helps, see `heads.Head.save`."""
    case.head.save(Path(folder) / "head.npz", case.data.class_names)
    if outcome is not None and outcome.helps and not outcome.asks:
        _after(case, *outcome.added).save(Path(folder) / "repaired_head.npz", case.data.class_names)


def _after(case, indices, labels):
    return case.head.with_more(case.outputs.states_at(indices), np.asarray(labels))


def _labels_after(case, indices, labels):
    return _after(case, indices, labels).probabilities(case.outputs.of_validation()[0]).argmax(axis=1)


def _retrained(case, places, known):
    return case.head.retrained(case.outputs.states_at(places), known[places], case.outputs.of_validation()[0])
