"""Labels photographs of garments, and trains EfficientNet-B0 on yours.

The public interface is what `__all__` names; all other modules are internal and may change.
Nothing is loaded before it is used, so that a program answers --help at once.
"""
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fashionclf.deployment.classifier import Classifier, Prediction
    from fashionclf.records.contents import Record, read_records

__version__ = "0.1.0"
__all__ = ["Classifier", "Prediction", "Record", "read_records", "__version__"]
_PLACES = {"Classifier": "deployment.classifier", "Prediction": "deployment.classifier",
           "Record": "records.contents", "read_records": "records.contents"}


def __getattr__(name: str) -> object:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
