import importlib
import pkgutil
from dataclasses import dataclass
from typing import Callable


@dataclass(frozen=True)
class Scenario:
    name: str
    function: Callable
    timeout: float
    long: bool = False

    @property
    def summary(self):
        return (self.function.__doc__ or "").strip().splitlines()[0]


_registry: dict[str, Scenario] = {}


def scenario(name, *, timeout=120.0, long=False):
    """Register a function of one Lab. `timeout` in seconds bounds the whole run of it.

    `long`: one for `make test-full`, because it takes minutes and stands for a rare case.
    """

    def register(function):
        if name in _registry:
            raise ValueError(f"two scenarios are called {name}")
        _registry[name] = Scenario(name, function, timeout, long)
        return function

    return register


def load_all():
    from qemu import scenarios

    for module in pkgutil.iter_modules(scenarios.__path__):
        importlib.import_module(f"{scenarios.__name__}.{module.name}")
    return dict(sorted(_registry.items()))
