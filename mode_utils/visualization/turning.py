"""A picture with controls where a notebook is live, the picture alone in an executed copy."""

import matplotlib.pyplot as plt
from IPython import get_ipython
from IPython.display import display


def turn(draw, **choices):
    """Show a figure of `draw`, and in a live notebook a control for each of its settings that draws it anew.

    `choices` are (first value, all values) by setting: numbers get a slider; a first value not in all is a ValueError.
    """
    for name, (value, possible) in choices.items():
        if value not in list(possible):
            raise ValueError(f"{name} = {value!r} is not one of: {', '.join(map(str, possible))}")
    controls = _controls(choices) if is_live() else {}
    picture = display(_closed(draw(**{name: value for name, (value, _) in choices.items()})), display_id=True)

    def redraw(_):
        picture.update(_closed(draw(**{name: control.value for name, control in controls.items()})))

    for control in controls.values():
        control.observe(redraw, "value")


def is_live():
    """Tell whether controls would work: JupyterLab and its like name the cell they run, executors do not."""
    return "cellId" in getattr(get_ipython(), "get_parent", dict)().get("metadata", {})


def _controls(choices):
    import ipywidgets as widgets  # only needed in a live notebook

    controls = {}
    for name, (value, possible) in choices.items():
        settings = {"options": list(possible), "value": value, "description": name.replace("_", " ")}
        if all(isinstance(each, int | float) for each in possible):
            controls[name] = widgets.SelectionSlider(**settings, continuous_update=False)
        else:
            controls[name] = widgets.Dropdown(**settings)
    display(widgets.HBox(list(controls.values()), layout={"flex_flow": "row wrap"}))
    return controls


def _closed(figure):
    """Take a figure from pyplot, which would show it a second time."""
    plt.close(figure)
    return figure
