"""What a round shows: gain over drawing at random, what the next one brings, labels needed, what the pool is like."""

from dataclasses import dataclass, field, replace

import numpy as np

from mode_utils.repair.campaign.gain import LEAST, PLANNED_ROUNDS, Gain, judge_trainings, plan_trainings, run_trainings
from mode_utils.repair.campaign.next_round import (
    LABEL_COST,
    Forecast,
    LabelForecast,
    decide,
    forecast_label,
    forecast_round,
    say_label,
)
from mode_utils.repair.campaign.pool_facts import describe_pool, say_strange
from mode_utils.repair.campaign.rounds import FIRST, first_case, labelled_so_far, rounds_with
from mode_utils.repair.reading.class_names import listed
from mode_utils.selection import screening
from mode_utils.support.checks import check_least

_FEW = 20  # validation samples of a label in the middle, below which the arm joins them for the next diagnosis
_NAMED = 10  # labels of which it is said that nothing can be told yet, a sentence each
_SPREAD = 0.01  # of accuracy by training alone, where nothing was trained again: a typical one


@dataclass(frozen=True)
class Judgement:
    """What is known after a round of a campaign."""

    gain: Gain | None  #: of choosing over drawing; None without an arm that is labelled
    forecast: Forecast
    advice: str  #: "choose", "draw", "stop", or "mend" after a round that did not help
    why: str  #: with its figures
    labels: dict[str, LabelForecast] = field(default_factory=dict)  #: of each label below theta, by name
    points: dict[str, tuple] = field(default_factory=dict)  #: of each of them, labels and validation accuracies so far
    pool: tuple[str, ...] = ()  #: sentences
    doubt: str = ""  #: about the gain
    #: (n, 2) int, places of the arm and what models that were not trained on them take them for: where validation
    #: samples are few or unlike the pool, they join them in the diagnosis of the next round
    checked: np.ndarray = field(default_factory=lambda: np.empty((0, 2), int))
    strange_belong: bool = False  #: whether inputs that are unlike all known samples are not to be passed over
    theta: float = 0.92  #: what labels are to reach

    def say(self):
        """Return sentences: on the gain, on what to do next, on the labels that fail, on the pool."""
        said = [self.gain.say() + self.doubt] if self.gain else []
        named = {name: each for name, each in self.labels.items() if each.is_told or len(self.labels) <= _NAMED}
        told = [say_label(name, each, self.theta) for name, each in named.items()]
        if others := [name for name in self.labels if name not in named]:
            told.append(f"cannot tell yet of {listed(others)}")
        needed = [f"labels of its own until {self.theta:.0%}: {'; '.join(told)}"] if told else []
        return [*said, self.why, *needed, *self.pool]


def judge_round(case, outcome, gathered=None, compared=None, planned=PLANNED_ROUNDS, label_cost=LABEL_COST):
    """Judge a round of a `Case` after its retraining, and return the `Judgement`; the trainer's model stays as it is.

    The first model of the campaign is retrained on what the arm and the choice have brought so far, as often as the
    interval of the gain needs, and for as many epochs as the model was.

    Parameters
    ----------
    case, outcome : Case, repair_outcome.RepairOutcome
    gathered : labelling.agreement.GatheredLabels, optional, of this round
    compared : compared.Compared, optional, of a pool with labels, which needs no arm
    planned : int, rounds of the campaign, at least 1
    label_cost : float, at least 0, points of accuracy that 100 labels have to bring
    """
    check_least("planned_rounds", planned, 1)
    check_least("label_cost", label_cost, 0, whole=False)
    first, unsure = first_case(case), gathered.cannot_tell if gathered else ()
    known, arm, chosen, unanswerable = labelled_so_far(case, outcome.added, unsure)
    plan = plan_trainings(arm, chosen, known, np.random.default_rng([case.seed, len(case.used)]))
    plan = plan if first and outcome.changed else {}
    gain, spread, doubt, y = None, _SPREAD, "", case.data.y_validation
    if compared is not None:
        gain, spread, doubt = compared.gain, compared.table["chosen"].std(), compared.doubt
    elif plan:
        with case.trainer.at():
            made = run_trainings(plan, _retrainer(first, outcome, known))
        groups = case.data.groups_in("validation")
        gain, spread = judge_trainings(made, y, len(plan["drawn"][0]), planned, groups)
    pool, belongs, checked = _say_lost(case, first), "", np.empty((0, 2), int)
    if first and len(arm):
        pool, differs = _describe(first, np.sort(arm), known, len(unanswerable))
        strange = [_count_strange(first, places) for places in (arm, unanswerable)]
        pool = [*pool, *filter(None, [belongs := say_strange(*strange, len(arm) + len(unanswerable))])]
        counts = np.bincount(y)
        if differs or np.median(counts[counts > 0]) < _FEW:
            added = np.concatenate([case.used, outcome.added[0]])
            checked = _check_arm(first, outcome, known, arm[np.isin(arm, added)], chosen)
    if gain is None and len(arm) + len(unanswerable) and len(arm) < LEAST:
        told = f"the arm has {len(arm)} labels, and {len(unanswerable)} inputs that nobody could tell"
        pool = [*pool, f"{told}: what choosing gains takes {LEAST} labels of it"]
    found = judge_lines(case, rounds_with(case, outcome), gain, spread, planned, label_cost)
    return replace(found, pool=tuple(pool), doubt=doubt, checked=checked, strange_belong=bool(belongs))


def judge_lines(case, lines, gain=None, spread=_SPREAD, planned=PLANNED_ROUNDS, label_cost=LABEL_COST):
    """Return the `Judgement` from the lines of rounds, see `rounds.round_of`, and the gain that was found."""
    y, names, theta = case.data.y_validation, case.data.class_names, case.options.theta
    since = max([0, *(place + 1 for place, line in enumerate(lines) if "right" not in line)])  # an older version's
    lines, n_before = lines[since:], since
    given = np.cumsum([np.zeros(len(names), int), *(line["given"] for line in lines)], axis=0)
    right = np.array([lines[0]["right_before"], *(line["right"] for line in lines)])
    n_labels = [0, *np.cumsum([line["added"] for line in lines])]
    forecast = forecast_round(n_labels, right.sum(axis=1), len(y), case.options.batch_size, spread)
    advice, why = _say_outcome(lines[-1], right[-1].sum() == len(y)) or decide(
        gain, forecast, n_before + len(lines), planned, label_cost
    )
    counts, failing, points = np.bincount(y, minlength=len(names)), {}, {}
    for label in np.flatnonzero((counts > 0) & (right[-1] < theta * counts) & (0 < theta < 1)):
        failing[names[label]] = forecast_label(given[:, label], right[:, label], counts[label], theta)
        points[names[label]] = given[:, label], right[:, label] / counts[label]
    return Judgement(gain, forecast, advice, why, failing, points, theta=theta)


def _retrainer(first, outcome, known):
    """Return a function that retrains the first model on some places, by a number, and predicts validation samples."""
    from mode_utils.repair.retraining import train  # imports TensorFlow, which a round of outputs does without

    splits, replay, training = first.data.splits(np.maximum(known, 0)), first.options.replay, outcome.training
    rate = training.rate if training.replaced else first.learning_rate
    alike = replace(first, options=replace(first.options, epochs=training.epochs), fixed_epochs=True)

    def retrain(places, number, x=first.data.x_validation):
        seed = np.random.SeedSequence([first.seed, len(outcome.added[0]), number]).generate_state(1)[0]
        train(replace(alike, seed=int(seed)), splits, places, replay, rate, outcome.more)
        return first.trainer.predict(x).argmax(axis=1)

    return retrain


def _check_arm(first, outcome, known, arm, chosen):
    """Return each half of the arm, and what models take it for that were retrained on all labels but those of it."""
    retrain, found = _retrainer(first, outcome, known), []
    with first.trainer.at():
        for number, half in enumerate((arm[::2], arm[1::2])):
            rest = np.setdiff1d(np.concatenate([arm, chosen]), half)
            found.append(np.column_stack([half, retrain(rest, 10_000 + number, np.asarray(first.data.x_pool[half]))]))
    return np.concatenate(found)


def _describe(first, arm, known, n_unanswerable):
    data = first.data
    sides = (np.asarray(data.x_pool[arm]), known[arm]), (data.x_validation, data.y_validation)
    with first.trainer.at(first.initial_state):
        return describe_pool(*((y, first.trainer.predict(x)) for x, y in sides), n_unanswerable, data.class_names)


def _say_lost(case, first):
    if first or case.data.pool_labelled:
        return ()
    told = f"{case.earlier.folder} has no {FIRST}, the model that the campaign began with"
    return (f"{told}: what choosing gains over drawing, and what the pool is like, cannot be told",)


def _say_outcome(line, all_right):
    """Return an advice and a sentence on a round that cannot be gone on from, otherwise None."""
    if all_right:
        return "stop", "stop: no validation errors remain, so another round cannot show a gain"
    if not line.get("helps", True):
        told = f"fixed {line['fixed']} and broke {line['broken']} of {line['samples']} validation samples"
        return "mend", f"round {line['round']} {told}: do not pay for labels of another before that is mended"
    return None


def _count_strange(first, places):
    """Return how many inputs are unlike all samples that were known before the first round."""
    if not len(places):
        return 0
    samples = screening.known_samples(first.data.splits(), np.random.default_rng(first.seed))
    scales = screening.column_scales(samples)
    known, own = (screening.outlines(x, scales) for x in (samples, np.asarray(first.data.x_pool[np.sort(places)])))
    return int((screening.nearest(own, known) > screening.foreign_limit(known)).sum())
