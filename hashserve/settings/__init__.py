"""What users can set: one table for each part of hashserve.

`HashServe(...)`, Django's ``HASHSERVE`` and the command line are views of these tables. A new setting is one
call of `setting` in a class here, one line in the type of its keyword arguments, and the code that uses it.

Invariant: a setting has one default, one check and one help text in all views; a view adds only its own
spelling. No table imports the part that it sets, so a server reads the keys of the build without the build.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from hashserve.errors import SettingError

if TYPE_CHECKING:
    from inspect import Signature

    from typing_extensions import Self, dataclass_transform
else:

    def dataclass_transform(**_: object) -> Callable[[type], type]:
        """Stand in for the typing function: only type checkers need what it says."""
        return lambda cls: cls


__all__ = ["Setting", "Settings", "SignatureWithSettings", "ValueCheck", "closest", "help_lines", "setting"]

ValueCheck = Callable[[Any], Any]
"""Returns the value that is used. Raises `ValueError` with what the value must be."""

FROM_NAME = "*"
"""In place of an option or a key: the one that follows from the setting's name."""


class Setting:
    """One row of a table. It is not a named tuple, which would cost a server 0.1 ms at its start.

    ``option`` is the setting's name on the command line and ``key`` its name in Django's ``HASHSERVE``;
    each is empty if that view does not have the setting. ``metavar`` stands for the value in the help of
    the option. ``is_of_whitenoise``: WhiteNoise has the setting too, with the same meaning.
    """

    __slots__ = ("check", "default", "help", "is_of_whitenoise", "key", "metavar", "name", "option")

    def __init__(
        self,
        default: Any,
        check: ValueCheck,
        help: str,  # noqa: A002  # as argparse calls it
        option: str,
        key: str,
        metavar: str,
        is_of_whitenoise: bool,
    ) -> None:
        self.name = ""  # until the class body is complete
        self.default = default
        self.check = check
        self.help = help
        self.option = option
        self.key = key
        self.metavar = metavar
        self.is_of_whitenoise = is_of_whitenoise

    def value_of(self, value: object) -> Any:
        """Return the value that is used for ``value``. Raises `SettingError`."""
        try:
            return self.check(value)
        except ValueError as error:
            raise SettingError(self.name, value, str(error)) from None


def setting(
    default: Any,
    check: ValueCheck,
    help: str,  # noqa: A002
    *,
    option: str = FROM_NAME,
    key: str = FROM_NAME,
    metavar: str = "",
    is_of_whitenoise: bool = False,
) -> Any:
    """Declare one setting in the body of a `Settings` class.

    ``option`` and ``key`` follow from the name unless they are given; "" leaves the setting out of a view
    that its class has.
    """
    return Setting(default, check, help, option, key, metavar, is_of_whitenoise)


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(setting,))
class Settings:
    """The values of the settings that a subclass declares; frozen, and compared by value.

    It replaces a dataclass, because importing `dataclasses` costs a server 1 ms at its start.
    Raises `SettingError` for a wrong value and `TypeError` for an unknown name.
    """

    table: ClassVar[Mapping[str, Setting]] = {}

    def __init_subclass__(cls, *, options: bool = False, keys: bool = False) -> None:
        """Collect the table from the class body; the command line has ``options``, and Django ``keys``."""
        cls.table = {name: value for name, value in vars(cls).items() if isinstance(value, Setting)}
        for name, row in cls.table.items():
            delattr(cls, name)
            row.name = name
            if row.option == FROM_NAME:
                row.option = "--" + name.replace("_", "-") if options else ""
            if row.key == FROM_NAME:
                row.key = name.upper() if keys else ""

    def __init__(self, **given: Any) -> None:
        table = self.table
        values = {name: row.default for name, row in table.items()}
        for name, value in given.items():
            if name not in table:
                raise TypeError(f"there is no setting {name!r}; {closest(name, table)}")
            values[name] = table[name].value_of(value)
        self.__dict__.update(values)
        self.__dict__.update(self._reconciled())

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """Return the settings for values whose types are not known."""
        return cls(**given)

    def _reconciled(self) -> Mapping[str, Any]:
        """Check the values against each other; return those that change. Raises `SettingError`."""
        return {}

    def replace(self, **changes: Any) -> Self:
        """Return a copy with ``changes``. Raises as the constructor does."""
        return type(self)(**{**vars(self), **changes})

    __replace__ = replace

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is frozen; make a copy with replace({name}=...)")

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and vars(other) == vars(self)

    __hash__ = None  # type: ignore[assignment]  # some values are mappings

    def __repr__(self) -> str:
        changed = [
            f"{name}={value!r}" for name, value in vars(self).items() if value != self.table[name].default
        ]
        return f"{type(self).__name__}({', '.join(changed)})"


def closest(name: str, names: Iterable[str], all_of: str = "the settings are") -> str:
    """Return the end of a message about an unknown name: a name that is close to it, or else all names."""
    from difflib import get_close_matches  # 2 ms, which only a mistake needs

    known = sorted(names)
    matches = get_close_matches(name, known, n=1)
    return f"did you mean {matches[0]!r}?" if matches else f"{all_of} {', '.join(known)}"


def help_lines(rows: Iterable[Setting]) -> str:
    """Write settings as a list for a docstring: name, default, help."""
    return "\n".join(f"    * {row.name}={row.default!r}: {row.help}" for row in rows)


class SignatureWithSettings:
    """The ``__signature__`` of a class whose constructor takes settings as keywords.

    It names each setting for `help` and for editors. It is made on first access, so that a server does not
    import `inspect`.
    """

    def __init__(self, constructor: Callable[..., None], settings: type[Settings]) -> None:
        self._constructor = constructor
        self._settings = settings

    def __get__(self, instance: object, owner: Any) -> Signature:
        if instance is not None or owner.__init__ is not self._constructor:
            raise AttributeError("__signature__")
        from inspect import Parameter, signature

        own = [
            parameter
            for parameter in list(signature(self._constructor).parameters.values())[1:]
            if parameter.kind is not Parameter.VAR_KEYWORD
        ]
        types = self._settings.__annotations__
        settings = [
            Parameter(name, Parameter.KEYWORD_ONLY, default=row.default, annotation=types[name])
            for name, row in self._settings.table.items()
        ]
        return signature(self._constructor).replace(parameters=[*own, *settings])
