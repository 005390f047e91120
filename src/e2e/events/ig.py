"""Read iSpy event-display files (`.ig`): a zip of JSON events, written by CMS's own framework from AOD or RECO."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import Any

# Older files hold Python literals: tuples, single quotes, nan. Strings are matched first so that they stay as they are.
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|[()]|\b(?:nan|inf|None|True|False)\b')
_JSON_FOR = {"(": "[", ")": "]", "nan": "NaN", "inf": "Infinity", "None": "null", "True": "true", "False": "false"}


def _to_json_token(match: re.Match[str]) -> str:
    token = match.group()
    return json.dumps(token[1:-1]) if token[0] == "'" else _JSON_FOR.get(token, token)


def member_names(path: Path) -> list[str]:
    """Names of the events inside the file, in the file's order: `Events/Run_R/Event_E`."""
    with zipfile.ZipFile(path) as archive:
        return [name for name in archive.namelist() if name.startswith("Events/") and not name.endswith("/")]


def parse_event_json(text: str) -> dict[str, Any]:
    """The event's `Types`, `Collections` and `Associations`; accepts JSON and the older Python-like dialect."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return json.loads(_TOKEN.sub(_to_json_token, text))


def load_event_json(path: Path, member: str) -> dict[str, Any]:
    with zipfile.ZipFile(path) as archive:
        return parse_event_json(archive.read(member).decode())
