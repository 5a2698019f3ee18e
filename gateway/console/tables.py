"""Tables that a screen reader knows as such, and that stand as blocks on a narrow page."""

from collections.abc import Iterable, Sequence

from gateway.console.markup import Markup, Part, tag


def breaking(name: str) -> Part:
    """A name that may break behind its underscores."""
    pieces = name.split("_")
    return [[f"{piece}_", Markup("<wbr>")] for piece in pieces[:-1]] + [pieces[-1]]


def table_of(head: Sequence[str], rows: Iterable[Sequence[Part | int]], caption: str) -> Markup:
    """A table whose first column names the row; on a narrow page its rows stand as blocks."""
    columns = [tag("th", name, scope="col", role="columnheader") for name in head]
    return tag(
        "table",
        tag("caption", caption, class_="away"),
        tag("thead", tag("tr", columns, role="row"), role="rowgroup"),
        tag("tbody", [_line(head, row) for row in rows], role="rowgroup"),
        class_="rows",
        role="table",
    )


def _line(head: Sequence[str], row: Sequence[Part | int]) -> Markup:
    first, *others = [f"{one:,}" if isinstance(one, int) else one for one in row]
    first = breaking(first) if isinstance(first, str) and not isinstance(first, Markup) else first
    cells = [
        tag("td", tag("span", value), role="cell", data_name=name)
        for name, value in zip(head[1:], others, strict=True)
    ]
    return tag("tr", tag("th", first, scope="row", role="rowheader"), cells, role="row")
