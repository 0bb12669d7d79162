"""Values between processes: what a task takes and returns, as bytes and back."""

from flytenb.codec.current import objects, set_factory, set_objects
from flytenb.codec.interface import Interface, Output, Parameter
from flytenb.codec.objects import MissingObjectError, ObjectStore
from flytenb.codec.payload import decode_values, encode_values

__all__ = [
    "Interface",
    "MissingObjectError",
    "ObjectStore",
    "Output",
    "Parameter",
    "decode_values",
    "encode_values",
    "objects",
    "set_factory",
    "set_objects",
]
