"""A labelled contact sheet: all outputs of one picture side by side."""

from collections.abc import Mapping

from PIL import Image, ImageDraw, ImageFont

BACKGROUND = (247, 246, 243)
FRAME = (222, 220, 214)
MAT = (236, 234, 229)
INK = (38, 38, 36)
FAINT_INK = (128, 126, 120)
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
SHAPE = 1.7  # preferred width over height of the grid, if the number of columns is not given


def sheet(
    pictures: Mapping[str, Image.Image], columns: int | None = None, tile_width: int = 320, title: str | None = None
) -> Image.Image:
    """Arrange pictures in rows, each with its name below, all at the same display size.

    Tiles have the first picture's aspect ratio; pictures with another one are fitted inside. The label of a picture
    with more pixels than the first shows its scale (``enlarged  2x``). Without ``columns`` the sheet is landscape, with
    few empty tiles. The font has only Latin letters. Raises ValueError if there is no picture, or ``columns`` or
    ``tile_width`` (in pixels) is too small."""
    if not pictures or tile_width < 32 or (columns is not None and columns < 1):
        given = f"{len(pictures)} pictures, columns {columns}, tile_width {tile_width}"
        raise ValueError(f"expected pictures, columns of at least 1 and a tile_width of at least 32, found {given}")
    first = next(iter(pictures.values()))
    tile_height = max(1, round(tile_width * first.height / first.width))
    gap = max(6, round(tile_width * 0.05))
    text_size = max(10, round(tile_width * 0.05))
    label_height = round(text_size * 1.9)
    if columns is None:
        columns = _columns(len(pictures), (tile_height + label_height + gap) / (tile_width + gap))
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    margin = gap * 2
    title_height = round(text_size * 3) if title else 0

    width = 2 * margin + columns * tile_width + (columns - 1) * gap
    height = 2 * margin - gap // 2 + title_height + rows * (tile_height + label_height) + (rows - 1) * gap
    canvas = Image.new("RGB", (width, height), BACKGROUND)
    draw = ImageDraw.Draw(canvas)
    if title:
        font = ImageFont.load_default(round(text_size * 1.5))
        draw.text((margin, margin), _fit(draw, title, font, canvas.width - 2 * margin), INK, font, anchor="lt")
    font = ImageFont.load_default(text_size)
    for index, (label, picture) in enumerate(pictures.items()):
        row, column = divmod(index, columns)
        left = margin + column * (tile_width + gap)
        top = margin + title_height + row * (tile_height + label_height + gap)
        _place(canvas, picture, (left, top, tile_width, tile_height))
        baseline = (left, top + tile_height + round(text_size * 1.3))
        ratio = picture.width / first.width
        note = f"{ratio:.2g}x" if ratio > 1.01 and picture.height > first.height else ""
        _write_label(draw, label, note, baseline, tile_width, font)
    return canvas


def _columns(count: int, tile_shape: float) -> int:
    """The number of columns that leaves few tiles empty and is close to :data:`SHAPE`; ``tile_shape`` is h / w."""

    def cost(columns: int) -> float:
        rows = -(-count // columns)
        shape = columns / (rows * tile_shape)
        return max(shape / SHAPE, SHAPE / shape) + 0.15 * (rows * columns - count)

    return min(range(1, count + 1), key=cost)


def _place(canvas: Image.Image, picture: Image.Image, box: tuple[int, int, int, int]) -> None:
    """Draw the picture in the middle of the box (left, top, width, height), as large as fits."""
    left, top, width, height = box
    factor = min(width / picture.width, height / picture.height)
    size = max(1, min(width, round(picture.width * factor))), max(1, min(height, round(picture.height * factor)))
    shown = picture.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    ImageDraw.Draw(canvas).rectangle((left - 1, top - 1, left + width, top + height), MAT, FRAME)
    canvas.paste(shown, (left + (width - size[0]) // 2, top + (height - size[1]) // 2))


def _write_label(
    draw: ImageDraw.ImageDraw, label: str, note: str, baseline: tuple[int, int], width: int, font: Font
) -> None:
    """Write the label at the left of its baseline, followed by the note in a fainter colour."""
    space = draw.textlength("  ", font) if note else 0
    label = _fit(draw, label, font, width - space - draw.textlength(note, font))
    draw.text(baseline, label, INK, font, anchor="ls")
    if note:
        x = baseline[0] + draw.textlength(label, font) + space
        draw.text((x, baseline[1]), note, FAINT_INK, font, anchor="ls")


def _fit(draw: ImageDraw.ImageDraw, text: str, font: Font, width: float) -> str:
    """The text in one line, truncated to ``width`` pixels."""
    text = " ".join(text.split())
    if draw.textlength(text, font) <= width:
        return text
    while text and draw.textlength(text + "...", font) > width:
        text = text[:-1].rstrip()
    return text + "..."
