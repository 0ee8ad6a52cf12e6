"""The report's chart as a figure of plotly."""

from __future__ import annotations

import plotly.graph_objects

from accelfront.report.charts import front_chart
from accelfront.report.data import report_study
from accelfront.screen.commands import Commands
from storage.records.study import Study


def front_figure(study: Study) -> plotly.graph_objects.Figure:
    """Draw a study's front.

    Args:
        study: With at least one point.
    """
    chart = front_chart(report_study(study, Commands([study])), study.name)
    for trace in chart["data"]:
        if told := trace.get("hovertext"):
            trace["hovertext"] = [words.replace("\n", "<br>") for words in told]
    return plotly.graph_objects.Figure(data=chart["data"], layout=chart["layout"])
