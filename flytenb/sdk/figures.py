"""What a report can be given besides HTML text: figures, tables, pictures, and whatever shows itself in notebooks.

Nothing is loaded from a network later: pictures are in the page as data. Of a library nothing is imported unless the
object is one of its own.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Any

#: Of a table, what is shown at most.
MAX_ROWS, MAX_COLUMNS = 50, 30
#: A picture or a page inside the page that is larger is refused by name.
MAX_PART_BYTES = 32 << 20
_PIXELS_PER_INCH = 144  # twice what is shown, for screens with small pixels
_HINT = "write HTML text, a figure, a DataFrame or a picture"


@dataclass(frozen=True, slots=True)
class Part:
    """HTML, and the script (its text, made when it is asked for) that the page needs once for all such parts."""

    html: str
    script_name: str = ""
    script: Callable[[], str] | None = None


def part_of(content: Any) -> Part:
    """The HTML of something that a report was given.

    Raises:
        TypeError: it has no form as HTML.
        ValueError: it is too large.
    """
    if isinstance(content, str):
        return Part(content)
    if isinstance(content, (bytes, bytearray)):
        return Part(_image(bytes(content)))
    library = type(content).__module__.partition(".")[0]
    special = _LIBRARIES.get(library)
    part = special(content) if special is not None else None
    if part is None:
        part = _shown(content)
    if part is None:
        raise TypeError(f"a report cannot show an object of type {type(content).__qualname__}; {_HINT}")
    return part


def _shown(content: Any) -> Part | None:
    """By the forms that objects have for notebooks."""
    for name in ("_repr_html_", "to_html"):
        html = _called(content, name)
        if isinstance(html, str):
            return Part(_nested(html) if _is_page(html) else html)
    for name in ("_repr_svg_", "_repr_png_", "_repr_jpeg_"):
        data = _called(content, name)
        if isinstance(data, str) and data:
            return Part(data if name == "_repr_svg_" else _image(base64.b64decode(data)))
        if isinstance(data, bytes):
            return Part(_image(data))
    return None


def _called(content: Any, name: str) -> Any:
    show = getattr(content, name, None)
    return show() if callable(show) and not isinstance(content, type) else None


def _is_page(html: str) -> bool:
    return html.lstrip()[:9].lower() == "<!doctype" or "<html" in html[:200].lower()


def _nested(page: str, height: int = 480) -> str:
    """A whole page inside the page."""
    _check(len(page), "a page")
    return f'<iframe srcdoc="{escape(page)}" style="width:100%;height:{height}px;border:0"></iframe>'


def _check(size: int, what: str) -> None:
    if size > MAX_PART_BYTES:
        raise ValueError(
            f"{what} of {size / 1e6:.0f} MB is too large for a report (at most {MAX_PART_BYTES >> 20} MiB); "
            "show less of it, or return it as a flyte.io.File"
        )


_KINDS = ((b"\x89PNG", "png"), (b"\xff\xd8\xff", "jpeg"), (b"GIF8", "gif"), (b"RIFF", "webp"))


def _image(data: bytes, width: int | None = None) -> str:
    kind = next((kind for start, kind in _KINDS if data.startswith(start)), None)
    if kind is None:
        raise TypeError(f"these {len(data)} bytes are no PNG, JPEG, GIF or WebP picture; {_HINT}")
    _check(len(data), "a picture")
    sized = f' width="{width}"' if width else ""
    return f'<img{sized} alt="" src="data:image/{kind};base64,{base64.b64encode(data).decode()}">'


# ---- libraries ----------------------------------------------------------------------------------------------------
def _matplotlib(content: Any) -> Part | None:
    figure = content if hasattr(content, "savefig") else getattr(content, "figure", None)
    if figure is None or not hasattr(figure, "savefig"):
        return None
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_PIXELS_PER_INCH, bbox_inches="tight")
    data = buffer.getvalue()
    return Part(_image(data, int.from_bytes(data[16:20], "big") * 72 // _PIXELS_PER_INCH))


def _plotly(content: Any) -> Part | None:
    if not hasattr(content, "to_plotly_json") or not hasattr(content, "to_html"):
        return None
    import plotly

    height = content.layout.height or 420
    html = content.to_html(full_html=False, include_plotlyjs=False, default_height=f"{height}px")
    return Part(html, f"plotly {plotly.__version__}", plotly_script)


def plotly_script() -> str:
    """plotly.js of the installed plotly (4.6 MB)."""
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs())


def _altair(content: Any) -> Part | None:
    if not hasattr(content, "to_html") or not hasattr(content, "to_dict"):
        return None
    try:
        return Part(_nested(content.to_html(inline=True)))
    except (ImportError, ValueError) as error:
        raise TypeError(
            f"an Altair chart needs vl-convert-python to be shown without a network: {error}; "
            "add it to the environment's image, or give the report another figure"
        ) from error


def _bokeh(content: Any) -> Part | None:
    try:
        from bokeh.embed import file_html
        from bokeh.resources import INLINE
    except ImportError:
        return None
    return Part(_nested(file_html(content, INLINE), int(getattr(content, "height", None) or 440) + 40))


def _frame_note(rows: int, columns: int) -> str:
    shown = []
    if rows > MAX_ROWS:
        shown.append(f"the first {MAX_ROWS} of {rows:,} rows")
    if columns > MAX_COLUMNS:
        shown.append(f"{MAX_COLUMNS} of {columns:,} columns")
    return f"<p><small>{escape(', '.join(shown))}</small></p>" if shown else ""


def _pandas(content: Any) -> Part | None:
    frame = content.to_frame() if type(content).__name__ == "Series" else content
    if not hasattr(frame, "columns") or not hasattr(frame, "head"):
        return None
    html = frame.head(MAX_ROWS).to_html(border=0, max_cols=MAX_COLUMNS, na_rep="", show_dimensions=False)
    return Part(f'<div class="wide">{html}</div>{_frame_note(len(frame), frame.shape[1])}')


def _polars(content: Any) -> Part | None:
    frame = content.to_frame() if type(content).__name__ == "Series" else content
    if not hasattr(frame, "iter_rows"):
        return None
    return Part(_table(frame.columns, frame.head(MAX_ROWS).iter_rows(), frame.height))


def _pyarrow(content: Any) -> Part | None:
    if not hasattr(content, "to_pylist") or not hasattr(content, "column_names"):
        return None
    rows = (row.values() for row in content.slice(0, MAX_ROWS).to_pylist())
    return Part(_table(content.column_names, rows, content.num_rows))


def _table(columns: list[str], rows: Any, count: int) -> str:
    def cells(tag: str, values: Any) -> str:
        shown = list(values)[:MAX_COLUMNS]
        return "<tr>" + "".join(f"<{tag}>{'' if v is None else escape(str(v)[:500])}</{tag}>" for v in shown) + "</tr>"

    body = "".join(cells("td", row) for row in rows)
    html = f'<div class="wide"><table><thead>{cells("th", columns)}</thead><tbody>{body}</tbody></table></div>'
    return html + _frame_note(count, len(columns))


def _pil(content: Any) -> Part | None:
    if not hasattr(content, "save") or not hasattr(content, "mode"):
        return None
    buffer = io.BytesIO()
    content.save(buffer, format="PNG")
    return Part(_image(buffer.getvalue()))


_LIBRARIES: dict[str, Callable[[Any], Part | None]] = {
    "matplotlib": _matplotlib,
    "seaborn": _matplotlib,
    "plotly": _plotly,
    "altair": _altair,
    "bokeh": _bokeh,
    "pandas": _pandas,
    "polars": _polars,
    "pyarrow": _pyarrow,
    "PIL": _pil,
}
