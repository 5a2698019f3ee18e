"""Panels and variables as the boards use them, so that all look alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard, prometheus, stat, table, timeseries
from grafana_foundation_sdk.models import common, units
from grafana_foundation_sdk.models import prometheus as prometheus_models
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DataSourceRef,
    DataTransformerConfig,
    DynamicConfigValue,
    Threshold,
    ThresholdsMode,
    VariableRefresh,
    VariableSort,
)

SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
# After Okabe and Ito, told apart by everyone; the text of a cell or legend always says it too.
GOOD, PLAIN, LIKELY, BAD = "#0072B2", "#808080", "#E69F00", "#D55E00"
RATIO_STEPS = ((None, GOOD), (0.8, PLAIN), (1.25, LIKELY), (2.0, BAD))
ALARM_STEPS = ((None, PLAIN), (1.0, BAD))
SECONDS, SHARE, COUNT = units.Seconds, units.PercentUnit, units.Short
WHOLE, HALF, THIRD, QUARTER = 24, 12, 8, 6

Steps = Sequence[tuple[float | None, str]]
Lines: TypeAlias = timeseries.Panel
Number: TypeAlias = stat.Panel
Columns: TypeAlias = table.Panel


@dataclass(frozen=True, slots=True)
class Query:
    """PromQL and how its series are called in the legend, or the column in a table."""

    expression: str
    legend: str = ""


def board(uid: str, title: str, about: str) -> dashboard.Dashboard:
    """An empty board that asks the Prometheus that its reader chooses."""
    source = dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus")
    return (
        dashboard.Dashboard(title)
        .uid(uid)
        .description(about)
        .tags(["crossrisk"])
        .timezone("browser")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .refresh("30s")
        .time("now-6h", "now")
        .readonly()
        .link(dashboard.DashboardLink("CrossRisk").tags(["crossrisk"]).as_dropdown(True).keep_time(True))
        .with_variable(source)
    )


def filled(board: dashboard.Dashboard, *panels: "Lines | Number | Columns") -> dashboard.Dashboard:
    """The board with its panels in reading order, numbered from 1."""
    for number, one in enumerate(panels, 1):
        board = board.with_panel(one.id(number))
    return board


def variable(name: str, series: str, label: str = "") -> dashboard.QueryVariable:
    """A choice among the values of a label of `series`; all by default."""
    return (
        dashboard.QueryVariable(name)
        .label((label or name).capitalize())
        .datasource(SOURCE)
        .query(f"label_values({series}, {label or name})")
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")
    )


def annotation(name: str, expression: str, color: str) -> dashboard.AnnotationQuery:
    """Marks on every panel where the expression gives something."""
    marked = dashboard.AnnotationQuery().name(name).datasource(SOURCE).enable(True)
    return marked.icon_color(color).expr(expression)


def lines(
    title: str, about: str, *queries: Query, unit: str = COUNT, span: int = HALF, steps: Steps = ()
) -> timeseries.Panel:
    """Values over time; `steps` are drawn as lines across the panel."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(about)
        .datasource(SOURCE)
        .unit(unit)
        .span(span)
        .height(8)
        .line_width(1)
        .fill_opacity(5)
        .legend(_legend())
        .tooltip(common_builders.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI))
    )
    if steps:
        dashed = common_builders.GraphThresholdsStyleConfig().mode(common.GraphThresholdsStyleMode.DASHED)
        panel = panel.thresholds(_thresholds(steps)).thresholds_style(dashed)
    for place, query in enumerate(queries):
        panel = panel.with_target(_target(place, query).legend_format(query.legend).range())
    return panel


def number(
    title: str, about: str, query: Query, unit: str = COUNT, steps: Steps = ALARM_STEPS, span: int = QUARTER
) -> stat.Panel:
    """One figure, coloured by `steps`."""
    return (
        stat.Panel()
        .title(title)
        .description(about)
        .datasource(SOURCE)
        .unit(unit)
        .span(span)
        .height(4)
        .thresholds(_thresholds(steps))
        .with_target(_target(0, query).legend_format(query.legend).instant())
    )


def columns(title: str, about: str, *queries: Query, keys: Sequence[str], span: int = WHOLE) -> table.Panel:
    """A table with a row for each value of `keys` and a column for each query, called by its legend."""
    panel = table.Panel().title(title).description(about).datasource(SOURCE).span(span).height(12)
    for place, query in enumerate(queries):
        panel = panel.with_target(_cells(place, query))
    named = {f"Value #{_letter(place)}": query.legend for place, query in enumerate(queries)}
    order = {name: place for place, name in enumerate([*keys, *named])}
    arranged = {"excludeByName": {"Time": True}, "renameByName": named, "indexByName": order}
    return (
        panel.with_transformation(DataTransformerConfig(id_val="merge", options={}))
        .with_transformation(DataTransformerConfig(id_val="organize", options=arranged))
        .decimals(2)
        .filterable(True)
    )


def matrix(title: str, about: str, query: Query, row: str, column: str, steps: Steps) -> table.Panel:
    """A picture of one value for each pair of labels, coloured by `steps`."""
    grouped = {"rowField": row, "columnField": column, "valueField": "Value", "emptyValue": "empty"}
    return (
        table.Panel()
        .title(title)
        .description(about)
        .datasource(SOURCE)
        .span(WHOLE)
        .height(8)
        .decimals(2)
        .with_target(_cells(0, query))
        .with_transformation(DataTransformerConfig(id_val="groupingToMatrix", options=grouped))
        .thresholds(_thresholds(steps))
        .cell_options(common.TableColoredBackgroundCellOptions())
        .override_by_field_type("string", [DynamicConfigValue("custom.cellOptions", {"type": "auto"})])
    )


def coloured(steps: Steps) -> list[DynamicConfigValue]:
    """Properties of a column whose cells are coloured by `steps`."""
    listed = [{"value": value, "color": color} for value, color in steps]
    return [
        DynamicConfigValue("custom.cellOptions", {"type": "color-background", "mode": "basic"}),
        DynamicConfigValue("thresholds", {"mode": "absolute", "steps": listed}),
    ]


def worded(words: Mapping[str, tuple[str, str]]) -> list[DynamicConfigValue]:
    """Properties of a column whose values are shown as a word in a colour."""
    options = {
        value: {"text": text, "color": color, "index": place}
        for place, (value, (text, color)) in enumerate(words.items())
    }
    return [
        DynamicConfigValue("custom.cellOptions", {"type": "color-background", "mode": "basic"}),
        DynamicConfigValue("mappings", [{"type": "value", "options": options}]),
    ]


def logarithmic() -> common_builders.ScaleDistributionConfig:
    """The scale of ratios: half as many is as far from as many as twice as many is."""
    return common_builders.ScaleDistributionConfig().type(common.ScaleDistribution.LOG).log(2)


def quantiles(series: str, by: str = "", where: str = "") -> tuple[Query, ...]:
    """The median and the 99th percentile of a histogram, by labels that come before `le`."""
    grouped = f"{by}, le" if by else "le"
    said = "".join(f" {{{{{name.strip()}}}}}" for name in by.split(",") if name)
    rate = f"sum by ({grouped}) (rate({series}_bucket{{{where}}}[$__rate_interval]))"
    return tuple(
        Query(f"histogram_quantile({share}, {rate})", f"{name}{said}")
        for share, name in ((0.5, "median"), (0.99, "99 %"))
    )


def _thresholds(steps: Steps) -> dashboard.ThresholdsConfig:
    listed = [Threshold(value, color) for value, color in steps]
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(listed)


def _legend() -> common_builders.VizLegendOptions:
    legend = common_builders.VizLegendOptions().show_legend(True)
    return legend.display_mode(common.LegendDisplayMode.LIST).placement(common.LegendPlacement.BOTTOM)


def _letter(place: int) -> str:
    return chr(ord("A") + place)


def _target(place: int, query: Query) -> prometheus.Dataquery:
    return prometheus.Dataquery().ref_id(_letter(place)).datasource(SOURCE).expr(query.expression)


def _cells(place: int, query: Query) -> prometheus.Dataquery:
    return _target(place, query).instant().format(prometheus_models.PromQueryFormat.TABLE)
