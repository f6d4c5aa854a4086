"""Sentences on an outcome, the same in the terminal, on the page and in `diagnosis.json`."""

from mode_utils.repair.contract import BROKEN, CALIBRATION_ERROR, KEPT, LOG_LOSS, OPEN
from mode_utils.repair.reading.class_names import listed

_TOLD = 4  # terms of a contract in a sentence


def still_failing(outcome, report, theta):
    """Return the rows of `outcome.labels` that failed before and are below `theta` after, the weakest first."""
    failed = (report.labels["fault"] != "").to_numpy()
    return outcome.labels[failed & (outcome.labels["after"] < theta)].sort_values("after", kind="stable")


def say_outcome(outcome, report, theta, keep_new_bugs=False, without_label=0):
    """Return sentences on a repair and what to do next, the most important first.

    Parameters
    ----------
    outcome : repair_outcome.RepairOutcome
    report : choosing.choice.Report, of the model before
    theta : float, validation accuracy below which a label still fails
    keep_new_bugs : bool, whether the model is saved even if it does not help
    without_label : int, chosen samples that have no label yet
    """
    failing = still_failing(outcome, report, theta)
    return [
        _say_result(outcome), *_say_training(outcome), *_say_failing(outcome, failing, theta), *_say_labels(outcome),
        *(outcome.judged.say() if outcome.judged and outcome.changed else []), *_say_saved(outcome, keep_new_bugs),
        *([f"{without_label} chosen inputs have no label yet: label them"] if without_label else []),
    ]  # fmt: skip


def _say_result(outcome):
    training = outcome.training
    if training and training.diverged:
        return "nothing was repaired: the retraining diverged, its weights are no longer finite; lower --learning-rate"
    if not outcome.changed:
        moved = f"the retraining hardly moved the model's weights ({training.moved:.2g} of their size)"
        return f"nothing was repaired: {moved}; {_cause(training)}"
    counts = f"{outcome.fixed} validation samples fixed, {outcome.broken} broken"
    if outcome.fixed or outcome.broken:
        return counts
    if (outcome.labels["before"].dropna() == 1).all():
        return f"{counts}: none was wrong before, so they cannot show a repair"
    return f"{counts}: the retraining changed the model, but repaired none of them"


def _cause(training):
    if training.known == 1:
        return "it gets all new samples right already, so it cannot learn much from them"
    if training.accumulated > training.steps:
        every = f"its optimizer changes them every {training.accumulated} steps"
        return f"{every}, but the retraining had {training.steps}: more --epochs, or a smaller --batch-size"
    return f"at a learning rate of {training.rate:.3g}, {training.steps} steps were too few: raise --learning-rate"


def _say_training(outcome):
    training, said = outcome.training, []
    if training is None:
        return said
    if training.replaced:
        told = f"at the learning rate that was saved with the model, {training.own_rate:.3g}, the retraining moved"
        said.append(f"{told} nothing: it was done at {training.rate:.3g}; --learning-rate takes another")
    if training.went_on and outcome.changed:
        told = "most samples of a label were still wrong while their loss fell, so the retraining went on for"
        said.append(f"{told} {training.epochs} epochs; --epochs says how many")
    return said


def _say_failing(outcome, failing, theta):
    if not len(failing) or not outcome.changed:
        return []
    none, some = failing[failing["after"] == 0], failing[failing["after"] > 0]
    said = [f"still at 0%: {listed(none['label'])}"] if len(none) else []
    each = [f"{label} ({after:.0%})" for label, after in zip(some["label"], some["after"], strict=True)]
    said += [f"still below {theta:.0%}: {listed(each)}"] if each else []
    slow = outcome.training.slow if outcome.training else ()
    return [f"{'; '.join(said)}; {_advice(outcome.training, failing[failing.index.isin(slow)])}"]


def _advice(training, slow):
    if not len(slow):
        return "what may help: more inputs of them, a look at their labels, a model that can tell them apart"
    more = "a higher --learning-rate" if training.at_limit else "more --epochs or a higher --learning-rate"
    return f"after {training.epochs} epochs the loss of {listed(slow['label'])} still falls: {more} may reach them"


def _say_labels(outcome):
    if outcome.contract is not None:
        return say_contract(outcome.contract)
    return [f"new bugs: {listed(outcome.new_bugs)} lost more than the tolerance"] if outcome.new_bugs else []


def say_contract(verdict):
    """Return sentences on what must not become worse: what is broken, what cannot be told, what is a trade."""
    kept, broken, unsure = (verdict.of(outcome) for outcome in (KEPT, BROKEN, OPEN))
    told = f"{len(kept)} of {len(verdict.terms)} terms are kept, {len(broken)} broken, {len(unsure)} cannot be told"
    said = [f"contract: {verdict.outcome}; {told}"]
    each = [f"{_amount(row)}, {_points(row.term, row.tolerance)} are allowed" for row in broken.itertuples()]
    said += [f"broken: {_few(each)}"] if each else []
    seen = unsure[unsure["loss"] > unsure["tolerance"]]
    each = [f"{_amount(row)}, perhaps {_points(row.term, row.at_most)}{_needs(row)}" for row in seen.itertuples()]
    said += [f"cannot tell: {_few(each)}"] if each else []
    said += _say_unseen(unsure[~unsure.index.isin(seen.index)])
    said += [_say_trade(trade) for trade in verdict.trades]
    flips = len(verdict.flips)
    return [*said, *([f"{flips} validation samples that were right are wrong now"] if flips else [])]


def _say_unseen(terms):
    """Say of which terms it cannot be told that they are kept, though none loses more than is allowed so far."""
    labels = terms[~terms["term"].isin([CALIBRATION_ERROR, LOG_LOSS])]
    of_calibration = terms.loc[~terms.index.isin(labels.index), "term"]
    said = []
    if len(labels):
        worst = labels.loc[labels["at_most"].idxmax()]
        told = f"cannot tell of {listed(labels['term'])}: none is seen to lose more than is allowed, but up to"
        said.append(f"{told} {_points('', worst.at_most)} are possible{_needs(worst)}")
    return [*said, *([f"cannot tell of {listed(of_calibration)}: too few samples"] if len(of_calibration) else [])]


def _say_trade(trade):
    lost, given, gained, taken = (f"{100 * getattr(trade, name):.1f}" for name in ("lost", "given", "gained", "taken"))
    told = f"a trade: {trade.loser} loses {lost} points, {given} are now taken for {trade.winner}"
    return f"{told}; that gains {gained} points, {taken} were taken for {trade.loser}"


def _amount(row):
    if not row.samples + row.old_samples:
        return f"{row.term} has no samples"
    if row.term in (CALIBRATION_ERROR, LOG_LOSS):
        return f"{row.term} {'rises' if row.loss > 0 else 'falls'} by {abs(row.loss):.3f}"
    how = "loses" if row.loss > 0 else "gains"
    return f"{row.term} {how} {_points(row.term, abs(row.loss))}" if row.loss else f"{row.term} loses nothing so far"


def _points(term, amount):
    return f"{amount:.3f}" if term in (CALIBRATION_ERROR, LOG_LOSS) else f"{100 * amount:.1f} points"


def _needs(row):
    return f" (it would take {row.needed} samples)" if row.needed else ""


def _few(each):
    return "; ".join(each[:_TOLD]) + (f"; and {len(each) - _TOLD} more" if len(each) > _TOLD else "")


def _say_saved(outcome, keep_new_bugs):
    if not outcome.training or (outcome.helps and not outcome.asks):
        return []
    why = f"{listed(outcome.asks)} may have lost a lot" if outcome.helps else "the repair did not help"
    if outcome.is_saved(keep_new_bugs):
        return [f"{why}: the model is saved all the same"]
    how = "; --keep-new-bugs saves it all the same" if outcome.changed else ""
    return [f"{why}: the model is not saved{how}"]


def say_health(assessment):
    """Return a sentence if a model has no buggy label, so that there is little to gain; otherwise an empty text."""
    if (assessment.labels["fault"] != "").any():
        return ""
    told = f"no label is underfit or overfit (largest error {(1 - assessment.labels['validation_accuracy']).max():.1%})"
    return f"{told}: for such a model choosing gains hardly more than random inputs"
