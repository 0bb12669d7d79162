"""The identity of an image is that of its values, however they were made."""

from __future__ import annotations

from msgspec.structs import replace

from flytenb.model.image import ImageSpec, LayerSpec, image_digest


class Empty(tuple[str, ...]):
    """An empty tuple that is not the one empty tuple."""


def test_equal_values_are_one_image():
    spec = ImageSpec(base="python:3.11", layers=(LayerSpec(kind="pip", values=("pandas",)),))
    again = replace(spec, dockerfile=Empty(), layers=(LayerSpec(kind="pip", values=("pandas",), options=Empty()),))
    assert image_digest(again) == image_digest(spec)
    assert image_digest(replace(spec, layers=())) == image_digest(replace(spec, layers=Empty()))


def test_what_is_made_counts_and_words_do_not():
    spec = ImageSpec(base="python:3.11", text="one", layers=(LayerSpec(kind="pip", values=("pandas",)),))
    assert image_digest(replace(spec, text="other", name="n", registry="r")) == image_digest(spec)
    others = [
        replace(spec, base="python:3.12"),
        replace(spec, layers=()),
        replace(spec, layers=(LayerSpec(kind="apt", values=("pandas",)),)),
        replace(spec, layers=(LayerSpec(kind="pip", values=("pandas", "numpy")),)),
    ]
    assert len({image_digest(one) for one in (spec, *others)}) == 5
