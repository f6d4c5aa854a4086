from dataclasses import asdict

from mode_utils.options import PRESETS, DebugOptions


def test_the_defaults_are_the_originals():
    options = DebugOptions()
    assert (options.theta, options.gamma, options.alpha, options.similarity_threshold) == (0.92, 0.10, 0.25, 0.01)
    assert (options.batch_size, options.max_iterations, options.epochs) == (2_000, 5, 3)


def test_a_preset_changes_what_it_says_and_no_more():
    recommended = DebugOptions.preset("recommended")
    differs = {name for name, value in asdict(recommended).items() if value != asdict(DebugOptions())[name]}
    assert differs == set(PRESETS["recommended"])
    assert DebugOptions.preset("original") == DebugOptions()


def test_a_change_of_none_leaves_what_the_preset_says():
    options = DebugOptions.preset("recommended", selector=None, replay=0)
    assert options.selector == PRESETS["recommended"]["selector"] and options.replay == 0


def test_a_metrics_alias_is_kept_as_its_full_name():
    assert DebugOptions(metric="l1") == DebugOptions(metric="manhattan")
