"""Scenarios worked out beforehand, under a slider of a notebook."""

from typing import TYPE_CHECKING, Any

from planner._errors import InputError
from planner._format import number
from planner._html import tag
from planner._language import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.plan import Plan


def browse(plans: "Sequence[Plan]", *, by: str) -> Any:  # noqa: ANN401 - a widget of ipywidgets
    """Return a slider over plans that differ by one key of their scenario.

    Nothing is worked out when the slider moves: the plans are there.

    Parameters
    ----------
    plans
        Two or more, each with another value of `by`.
    by
        A key of the scenario, such as ``mini_sites_max``.

    Returns
    -------
    ipywidgets.VBox
        The slider, and under it the five figures and the map of the plan it points at.

    Raises
    ------
    InputError
        When there are fewer than two plans, `by` is no key, two plans have one value, or
        ipywidgets is not installed.
    """
    try:
        import ipywidgets  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise InputError("Sliders need ipywidgets: pip install 'planner[notebook]'.") from error
    if len(plans) < 2:  # noqa: PLR2004 - a slider has two ends
        raise InputError(f"{len(plans)} plans under a slider: give two or more.")
    known = type(plans[0].scenario).model_fields
    if by not in known:
        raise InputError(f"{by}: no key of a scenario. Choose one of {', '.join(known)}.")
    values = [getattr(plan.scenario, by) for plan in plans]
    if len(set(values)) < len(values):
        raise InputError(f"{by}: two plans have one value ({', '.join(map(str, values))}).")
    order = sorted(range(len(plans)), key=lambda at: values[at])
    pages = {at: plans[at]._repr_html_() for at in order}
    slider = ipywidgets.SelectionSlider(
        options=[(_said(values[at]), at) for at in order],
        description=by,
        continuous_update=False,
        style={"description_width": "initial"},
    )
    shown = ipywidgets.HTML(pages[order[0]])
    told = ipywidgets.HTML(_told(plans[order[0]]))

    def move(change: dict[str, Any]) -> None:
        shown.value = pages[change["new"]]
        told.value = _told(plans[change["new"]])

    slider.observe(move, names="value")
    return ipywidgets.VBox([slider, told, shown])


def _said(value: object) -> str:
    return (
        number(value, decimals=0 if value == round(value) else 2)
        if isinstance(value, int | float)
        else str(value)
    )


def _told(plan: "Plan") -> str:
    """Return the proof of a plan, so that no slider hides a plan that is not optimal."""
    return tag("p", say("{name} : {proof}").format(name=plan.scenario.name, proof=plan.proof))
