"""The model's regular expressions are Java's, and a value must match as a whole: `String.matches`.

Both languages agree on nearly all that the model uses. What they do not agree on is translated here, and what neither
is translated nor known to mean the same is refused, so that a newer model cannot silently mean something else.
"""

from __future__ import annotations

import re
from typing import Final

_TOKEN: Final = re.compile(r"\\p\{(\w+)\}|\\u[0-9A-Fa-f]{4}|\\(.)|\[|\]|&&|\(\?|.", re.DOTALL)
_SAME_ESCAPES: Final = frozenset("dDwWsSbBtnrf\\/.-+*?()[]{}|^$:=,@_")
_POSIX_CLASSES: Final = {"ASCII": r"\x00-\x7f"}
_JAVA_DOT: Final = r"[^\n\r\u0085\u2028\u2029]"


def translate_pattern(java: str) -> str:
    """Return a Python pattern that `search`es a string exactly when Java's `matches` accepts it.

    ValueError for a construct whose meaning here is not known to be Java's.
    """
    translated = []
    in_class = False
    for token in _TOKEN.finditer(java):
        text, posix, escaped = token.group(), token.group(1), token.group(2)
        if posix is not None and posix in _POSIX_CLASSES:
            text = _POSIX_CLASSES[posix] if in_class else f"[{_POSIX_CLASSES[posix]}]"
        elif posix is not None or (escaped is not None and escaped not in _SAME_ESCAPES) or text in {"&&", "(?"}:
            raise _refusal(java, text)
        elif text == "[":
            if in_class:
                raise _refusal(java, "a class within a class")
            in_class = True
        elif text == "]":
            in_class = False
        elif text == "." and not in_class:
            text = _JAVA_DOT
        translated.append(text)
    # Java's \w, \d and \s know ASCII only, hence the flag.
    return rf"(?a)\A(?:{''.join(translated)})\Z"


def _refusal(java: str, construct: str) -> ValueError:
    return ValueError(f"the model's pattern {java!r} uses {construct!r}, whose meaning in Java is not translated yet")
