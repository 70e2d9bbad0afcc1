"""What can be set: the settings of models and the options of calls, as the library lists them."""
from __future__ import annotations

import ctypes
import dataclasses
import itertools
import math
from typing import Any, Callable, Optional, Union

from . import _library


@dataclasses.dataclass(frozen=True)
class Setting:
    """A setting of models, or an option that is a number.

    `key` is as `Model.setting` takes it, or an option's struct and field in C, "mf_adapt_options.epochs". A number lies in
    `low` to `high`, both included; a choice is one of `choices`; a text has neither. `default` stands for a missing setting
    or an option of 0, and is None where no one value does; `help` says in a line what it is.
    """

    key: str
    low: Optional[float]
    high: Optional[float]
    choices: tuple[str, ...]
    default: Union[float, str, None]
    help: str


def settings() -> tuple[Setting, ...]:
    """The settings that the library reads in a model, or that adaptation writes into it."""
    return _list(_library.mf_setting_count(), _library.mf_setting_info)


def options() -> tuple[Setting, ...]:
    """The options that are numbers; one out of its bounds is refused with Status.INVALID."""
    return _list(_library.mf_option_count(), _library.mf_option_info)


def _list(count: int, info: Callable[..., Any]) -> tuple[Setting, ...]:
    found = []
    for index in range(count):
        given = _library.CSettingDescription(struct_size=ctypes.sizeof(_library.CSettingDescription))
        if status := info(index, ctypes.byref(given)):
            raise _library.Error(status, f"description {index} of {count} is missing")
        found.append(_setting(given))
    return tuple(found)


def _setting(given: Any) -> Setting:
    numeric = given.type == 1
    words = itertools.takewhile(lambda word: word is not None, given.choices) if given.choices else ()
    default = None if math.isnan(given.default_number) else given.default_number
    if given.default_choice is not None:
        default = given.default_choice.decode()
    return Setting(
        given.key.decode(),
        given.low if numeric else None,
        given.high if numeric else None,
        tuple(word.decode() for word in words),
        default,
        given.help.decode(),
    )
