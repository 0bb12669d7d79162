"""Types of one's own: registered, inherited, refused, from installed packages, and of a notebook."""

from __future__ import annotations

import asyncio
import dataclasses
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from flytenb import errors
from flytenb.codec import custom
from flytenb.codec.plain import preview
from flytenb.types import FlytePickle, TypeEngine, TypeTransformer, TypeTransformerFailedError


class Molecule:
    def __init__(self, smiles):
        self.smiles = smiles

    def __eq__(self, other):
        return type(other) is type(self) and other.smiles == self.smiles

    def __hash__(self):
        return hash(self.smiles)

    def __reduce__(self):
        raise TypeError("never pickled")


class Drug(Molecule):
    pass


class MoleculeTransformer(TypeTransformer[Molecule]):
    def __init__(self):
        super().__init__("molecule", Molecule)

    def get_literal_type(self, t=None):
        return {"type": "string", "title": "Molecule"}

    async def to_literal(self, python_val, python_type, expected):
        await asyncio.sleep(0)
        if not python_val.smiles:
            raise ValueError("no atoms")
        return {"smiles": python_val.smiles}

    async def to_python_value(self, lv, expected_python_type):
        return expected_python_type(lv if isinstance(lv, str) else lv["smiles"])


@pytest.fixture(autouse=True)
def _fresh_registry(monkeypatch):
    monkeypatch.setattr(custom, "_transformers", {})
    monkeypatch.setattr(custom, "_restricted", {})
    custom._forget()
    yield
    custom._forget()


@pytest.fixture
def _registered():
    TypeEngine.register(MoleculeTransformer())


@dataclasses.dataclass
class Study:
    main: Molecule
    others: list[Molecule]


@pytest.mark.usefixtures("_registered")
def test_values_go_through_the_transformer(round_trip):
    water, drug = Molecule("O"), Drug("CC")
    assert round_trip(Molecule, water) == water
    assert round_trip(Any, [water, drug]) == [water, drug]
    assert round_trip(dict[str, Molecule | None], {"a": water, "b": None}) == {"a": water, "b": None}
    assert round_trip(Study, Study(water, [drug, water])) == Study(water, [drug, water])
    assert asyncio.run(_inside_a_loop(round_trip)) == water


async def _inside_a_loop(round_trip):
    return round_trip(Molecule, Molecule("O"))


@pytest.mark.usefixtures("_registered")
def test_what_people_see(interface_of, objects):
    interface = interface_of(Molecule)
    assert interface.schema()["properties"]["x"]["title"] == "Molecule"
    assert interface.parse_cli("x", '"CO"') == Molecule("CO")
    (seen,) = preview(interface.encode_inputs((Molecule("O"),), objects))
    assert (seen.type, seen.text) == ("Molecule", "Molecule(value={'smiles': 'O'})")


@pytest.mark.usefixtures("_registered")
def test_wrong_values(interface_of, objects):
    interface = interface_of(Molecule)
    with pytest.raises(errors.InputTypeError, match=r'parameter "x": expected Molecule, got int \(3\)'):
        interface.encode_inputs((3,), objects)
    text = r'Molecule cannot be written by transformer "molecule": ValueError: no atoms; mend the transformer'
    with pytest.raises(errors.InputTypeError, match=text):
        interface.encode_inputs((Molecule(""),), objects)


def test_without_a_transformer_the_class_is_pickled_or_says_why(interface_of, objects):
    with pytest.raises(errors.InputTypeError, match="Molecule cannot be encoded: never pickled"):
        interface_of(Molecule).encode_inputs((Molecule("O"),), objects)


def test_registering_again():
    TypeEngine.register(MoleculeTransformer())
    TypeEngine.register(MoleculeTransformer())  # a cell that runs again

    class Other(TypeTransformer[Molecule]):
        pass

    with pytest.raises(
        ValueError, match='Molecule has the transformer "molecule" already, so "other" is not registered'
    ):
        TypeEngine.register(Other("other", Molecule))
    with pytest.raises(ValueError, match="int is written by itself; wrap it in a class"):
        TypeEngine.register(Other("other", int))


def test_restricted_types(interface_of, objects):
    TypeEngine.register_restricted_type("chemistry", Molecule)
    with pytest.raises(errors.RestrictedTypeError, match=r"Molecule \(chemistry\) is not allowed"):
        interface_of(Molecule).encode_inputs((Molecule("O"),), objects)
    custom._restricted.clear()
    TypeEngine.register(MoleculeTransformer())
    with pytest.raises(ValueError, match='has the transformer "molecule" and cannot be restricted'):
        TypeEngine.register_restricted_type("chemistry", Molecule)


@pytest.mark.usefixtures("_registered")
def test_type_engine():
    assert TypeEngine.get_transformer(Drug).name == "molecule"
    assert TypeEngine.to_literal_type(Molecule) == {"type": "string", "title": "Molecule"}
    assert TypeEngine.to_literal_type(list[int]) == {"type": "array", "items": {"type": "integer"}}

    async def there_and_back(value, annotation):
        literal = await TypeEngine.to_literal(value, annotation)
        return await TypeEngine.to_python_value(literal, annotation)

    assert asyncio.run(there_and_back(Molecule("O"), Molecule)) == Molecule("O")
    assert asyncio.run(there_and_back({"a": (1, None)}, dict[str, Any])) == {"a": (1, None)}
    with pytest.raises(TypeTransformerFailedError, match=r"expected int, got str"):
        asyncio.run(there_and_back("x", int))
    assert TypeEngine.guess_python_type({"type": "string", "title": "Molecule"}) is Molecule
    assert TypeEngine.guess_python_type({"type": "integer"}) is int
    with pytest.raises(ValueError, match="no type is known for"):
        TypeEngine.guess_python_type({"title": "Nothing"})
    assert Molecule in TypeEngine.get_available_transformers()


class _Point:
    value = "some.package"

    def __init__(self, load):
        self.load = load


def test_installed_packages_register_theirs(monkeypatch, round_trip, caplog):
    def broken():
        raise ImportError("no module named chem")

    points = {
        "flyte.plugins.types": [_Point(lambda: lambda: TypeEngine.register(MoleculeTransformer())), _Point(broken)],
        "flytenb.types": [],
    }
    monkeypatch.setattr(custom, "_loaded_groups", False)
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: points[group])
    assert round_trip(Molecule, Molecule("O")) == Molecule("O")
    assert "types of the package behind some.package are not registered: no module named chem" in caplog.text


def test_a_pickle_on_purpose(round_trip):
    value = SimpleNamespace(a=1)
    assert round_trip(FlytePickle[SimpleNamespace], value) == value
    assert round_trip(FlytePickle, [value]) == [value]
    path = asyncio.run(FlytePickle.to_pickle(value))
    assert asyncio.run(FlytePickle.from_pickle(path)) == value


NOTEBOOK = """
import sys
from pathlib import Path
from flytenb.codec import Interface, ObjectStore, classes
from flytenb.types import TypeEngine, TypeTransformer
def f(a): ...
class Sheet:
    def __init__(self, text): self.text = text
if sys.argv[2] == "write":
    class SheetTransformer(TypeTransformer[Sheet]):
        def __init__(self): super().__init__("sheet", Sheet)
        async def to_literal(self, python_val, python_type, expected): return python_val.text
        async def to_python_value(self, lv, expected_python_type): return Sheet(lv + "!")
    TypeEngine.register(SheetTransformer())
f.__annotations__ = {"a": list[Sheet] if sys.argv[3] == "typed" else list, "return": Sheet}
store, place = ObjectStore(Path(sys.argv[1])), Path(sys.argv[1], "payload")
interface = Interface.of(f, task_name="t")
if sys.argv[2] == "write":
    place.write_bytes(interface.encode_inputs(([Sheet("x")] * 3,), store))
    (values,) = interface.decode_inputs(place.read_bytes(), store)
else:
    (values,) = interface.decode_inputs(place.read_bytes(), store)
    back = interface.decode_outputs(interface.encode_outputs(values[0], store), store)
    assert back.text == "x!!", back.text  # registered by what came
print([type(v) is Sheet and v.text for v in values], interface.digest_inputs(place.read_bytes()).hex())
"""


@pytest.mark.parametrize("typed", ["typed", "any"])
def test_a_transformer_of_a_notebook_travels(tmp_path, typed):
    said = []
    for mode in ("write", "read", "write"):
        command = [sys.executable, "-c", NOTEBOOK, str(tmp_path), mode, typed]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        said.append(done.stdout.strip())
    assert said[0] == said[1] == said[2]
    assert said[0].startswith("['x!', 'x!', 'x!']")


def test_a_value_as_html_and_checked():
    shown = asyncio.run(TypeEngine.to_html("<b>", str))
    assert shown == "<pre>&#x27;&lt;b&gt;&#x27;</pre>"
    assert TypeEngine.to_literal_checks(1, int) is None
    with pytest.raises(TypeTransformerFailedError):
        TypeEngine.to_literal_checks("x", int)
