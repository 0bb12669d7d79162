"""Flyte's names of GPU models, from what drivers call them."""

from __future__ import annotations

import re

_GB = 1_000_000_000
#: What remains of a driver's name without maker and family → Flyte's name. The longest that fits wins.
_NAMES = {
    "A2": "A2",
    "A10": "A10",
    "A10G": "A10G",
    "A100": "A100",
    "B200": "B200",
    "GB10": "GB10",
    "H100": "H100",
    "H200": "H200",
    "L4": "L4",
    "L40S": "L40s",
    "T4": "T4",
    "V100": "V100",
    "RTX PRO 4500": "RTX_PRO_4500",
    "RTX PRO 6000": "RTX_PRO_6000",
}
_MAKERS = re.compile(r"^(nvidia|tesla|amd|quadro)\s+", re.IGNORECASE)
_INSTINCT = re.compile(r"\bMI\d{3}[AX]?\b")


def kind_of(name: str, memory_bytes: int = 0) -> str:
    """Flyte's name: "NVIDIA A100-SXM4-80GB" is "A100_80G". A model that Flyte has no name for keeps its own."""
    text = name.strip()
    while (shorter := _MAKERS.sub("", text)) != text:
        text = shorter
    instinct = _INSTINCT.search(text)
    if instinct is not None:
        return instinct.group()
    # "A100-SXM4-80GB", "L40S", "RTX PRO 6000 Blackwell": the model stands first, a dash or a blank ends it.
    words = re.split(r"[\s-]+", text)
    for count in (3, 1):
        kind = _NAMES.get(" ".join(words[:count]).upper(), "")
        if kind == "A100" and (memory_bytes > 70 * _GB or "80GB" in text.upper().replace(" ", "")):
            return "A100_80G"
        if kind:
            return kind
    return text
