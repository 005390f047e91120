"""Typed access to a JSON object of unknown origin: every complaint is one InputError that names file and key."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, NoReturn

from e2e.problems import InputError

REMEDY = "fetch the bundle again, or export it again"


class Fields:
    """The object at `place` (as in `outputs[0]`, empty for the whole) of the JSON file `path`."""

    def __init__(self, data: Any, path: Path, place: str = "") -> None:
        self.path, self.place = path, place
        if not isinstance(data, dict):
            raise InputError(path, f"{place or 'the file'} is not a JSON object", REMEDY)
        self._data: dict[str, Any] = data

    def __contains__(self, key: str) -> bool:
        return key in self._data

    def fail(self, key: str, what: str) -> NoReturn:
        raise InputError(self.path, f"{self._name(key)} {what}", REMEDY)

    def value(self, key: str) -> Any:
        if key not in self._data:
            self.fail(key, "is missing")
        return self._data[key]

    def text(self, key: str) -> str:
        value = self.value(key)
        if not isinstance(value, str) or not value:
            self.fail(key, "is not a text")
        return value

    def count(self, key: str) -> int:
        value = self.value(key)
        if type(value) is not int or value < 0:
            self.fail(key, "is not a whole number from 0")
        return value

    def flag(self, key: str) -> bool:
        """False where it is not said."""
        value = self._data.get(key, False)
        if type(value) is not bool:
            self.fail(key, "is neither true nor false")
        return value

    def number(self, key: str) -> float:
        value = self.value(key)
        if not self._is_finite(value):
            self.fail(key, "is not a finite number")
        return float(value)

    def pair(self, key: str) -> tuple[float, float] | None:
        """Two numbers, or null."""
        if self.value(key) is None:
            return None
        numbers = self.numbers(key)
        if len(numbers) != 2:
            self.fail(key, "is not a pair of numbers")
        return numbers[0], numbers[1]

    def numbers(self, key: str) -> tuple[float, ...]:
        return tuple(float(number) for number in self._list(key, self._is_finite, "finite numbers"))

    def mapping(self, key: str) -> dict[str, Any]:
        value = self.value(key)
        if not isinstance(value, dict):
            self.fail(key, "is not a JSON object")
        return value

    def fields(self, key: str) -> Fields:
        return Fields(self.mapping(key), self.path, self._name(key))

    def items(self, key: str) -> list[Fields]:
        """The objects of a list that is not empty."""
        values = self._list(key, lambda value: isinstance(value, dict), "JSON objects")
        if not values:
            self.fail(key, "is empty")
        return [Fields(value, self.path, f"{self._name(key)}[{i}]") for i, value in enumerate(values)]

    def _list(self, key: str, is_good: Any, what: str) -> list[Any]:
        value = self.value(key)
        if not isinstance(value, list) or not all(map(is_good, value)):
            self.fail(key, f"is not a list of {what}")
        return value

    def _name(self, key: str) -> str:
        return f"{self.place}.{key}" if self.place else key

    @staticmethod
    def _is_finite(value: Any) -> bool:
        return type(value) in (int, float) and abs(value) < 1e300 and math.isfinite(value)


def read_json(path: Path) -> Fields:
    """Raises InputError when the file cannot be read or is no JSON object."""
    try:
        return Fields(json.loads(path.read_bytes()), path)
    except FileNotFoundError:
        raise InputError(path, "missing", REMEDY) from None
    except OSError as error:
        raise InputError(path, error.strerror or "cannot be read", "check the path") from None
    except (ValueError, RecursionError) as error:  # ValueError: broken JSON, or bytes that are not UTF-8
        raise InputError(path, f"truncated or broken JSON ({error})", REMEDY) from None
