"""HTML by construction: text is escaped unless it was built here, so no value can become markup."""

from __future__ import annotations

from html import escape

VOID = frozenset({"meta", "link", "br"})


class Html(str):
    """Markup that needs no more escaping."""

    __slots__ = ()


Child = str | None | list[Html]


def el(tag: str, *children: Child, **attributes: str) -> Html:
    """One element.

    Args:
        tag: its name.
        children: text (escaped), `Html` (as it is), a list of `Html`, or None (left out).
        attributes: values are escaped; a trailing underscore is dropped (`class_`) and others become hyphens.
    """
    given = "".join(f' {name(key)}="{escape(value)}"' for key, value in attributes.items())
    if tag in VOID:
        return Html(f"<{tag}{given}>")
    return Html(f"<{tag}{given}>{''.join(render(child) for child in children)}</{tag}>")


def name(key: str) -> str:
    """`class_` → `class`, `aria_label` → `aria-label`."""
    return key.rstrip("_").replace("_", "-")


def render(child: Child) -> str:
    """One child as markup."""
    if child is None:
        return ""
    if isinstance(child, list):
        return "".join(child)
    return child if isinstance(child, Html) else escape(child)
