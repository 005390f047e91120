"""An imitation of CMSSW's configuration language: only what the fragments of RecoE2E use, with its rules about types.

`text(process)` is what the harness reads: each module, then its parameters, a line "NAME TYPE COUNT" and the values.
"""

_BOOL = bool


class Parameter:
    """A value of a type; `untracked` ones are alike here."""

    def __init__(self, value):
        self._value = self.check(value)

    def value(self):
        return self._value

    def check(self, value):
        if not isinstance(value, self.kinds) or (isinstance(value, _BOOL) and _BOOL not in self.kinds):
            raise TypeError(f"{value!r} is no {type(self).__name__}")
        return value

    def clone(self):
        return type(self)(self._value)

    def lines(self, name):
        return [f"{name} {type(self).__name__.strip('_')} 1", self.word(self._value)]

    @staticmethod
    def word(value):
        return ("true" if value else "false") if isinstance(value, _BOOL) else repr(value)


class bool_(Parameter):  # `cms.bool`, see the end
    kinds = (_BOOL,)


class int32(Parameter):
    kinds = (int,)


class uint32(int32):
    def check(self, value):
        if super().check(value) < 0:
            raise ValueError(f"{value} is below zero")
        return value


class double(Parameter):
    kinds = (float, int)


class string(Parameter):
    kinds = (str,)
    word = staticmethod(str)


class FileInPath(string):
    pass


class InputTag(Parameter):
    def __init__(self, label, instance=""):
        self._value = f"{label}:{instance}" if instance else label

    def clone(self):
        return type(self)(self._value)

    word = staticmethod(str)


class _List(Parameter):
    """Values of one type; they may be given as they are."""

    def __init__(self, *values):
        flat = [entry for value in values for entry in (value if isinstance(value, list) else [value])]
        self._value = [self.entry(value) for value in flat]

    def entry(self, value):
        return value if isinstance(value, self.of) else self.of(value)

    def append(self, value):
        self._value.append(self.entry(value))

    def __contains__(self, value):
        return any(entry.value() == value for entry in self._value)

    def __iter__(self):
        return iter([entry if isinstance(entry, PSet) else entry.value() for entry in self._value])

    def __len__(self):
        return len(self._value)

    def clone(self):
        return type(self)(*[entry.clone() for entry in self._value])

    def lines(self, name):
        words = [entry.word(entry.value()) for entry in self._value]
        return [f"{name} {type(self).__name__} {len(words)}", *words]


class vint32(_List):
    of = int32


class vdouble(_List):
    of = double


class vstring(_List):
    of = string


class VInputTag(_List):
    of = InputTag


class PSet:
    def __init__(self, **parameters):
        self.__dict__.update(parameters)

    def parameters(self):
        return {name: value for name, value in vars(self).items() if not name.startswith("_")}

    def clone(self, **changes):
        return PSet(**{name: value.clone() for name, value in self.parameters().items()} | changes)

    def lines(self, name):
        inside = [line for key, value in self.parameters().items() for line in value.lines(key)]
        return [f"{name} PSet {len(self.parameters())}", *inside]


class VPSet(_List):
    of = PSet

    def entry(self, value):
        if not isinstance(value, PSet):
            raise TypeError(f"{value!r} is no PSet")
        return value

    def lines(self, name):
        inside = [line for each in self._value for line in [str(len(each.parameters())), *each.lines("")[1:]]]
        return [f"{name} VPSet {len(self._value)}", *inside]


class _Untracked:
    def __getattr__(self, name):
        return globals()[name]


untracked = _Untracked()


class _Module(PSet):
    def __init__(self, type_name, **parameters):
        super().__init__(**parameters)
        self._type = type_name

    def __add__(self, other):
        return Path(self) + other


class EDProducer(_Module):
    pass


class EDFilter(_Module):
    pass


class Source(_Module):
    pass


class OutputModule(_Module):
    pass


class Task:
    def __init__(self, *modules):
        self.modules = list(modules)


class Path:
    def __init__(self, *modules):
        self.modules = list(modules)

    def __add__(self, module):
        return Path(*self.modules, module)


class EndPath(Path):
    pass


class Schedule(list):
    pass


class Process:
    def __init__(self, name):
        self._name = name

        self.schedule = None

    def load(self, fragment):
        """Of the framework itself, which is not here."""

    def label_of(self, module):
        return next(label for label, known in vars(self).items() if known is module)


def text(process, labels):
    """The modules of these labels, in order."""
    lines = []
    for label in labels:
        module = getattr(process, label)
        inside = [line for name, value in module.parameters().items() for line in value.lines(name)]
        lines += [f"{label} {module._type} {len(module.parameters())}", *inside]
    return "\n".join(lines) + "\n"


bool = bool_
