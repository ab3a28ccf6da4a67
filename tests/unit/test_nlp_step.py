"""Steps: how they are found, ordered and checked."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from nlp.step import Step, StepError, discover, in_order


def length(body: str) -> str:
    return str(len(body))


def names(steps: list[Step]) -> list[str]:
    return [step.name for step in steps]


def test_the_shipped_steps_are_found() -> None:
    found = discover()
    assert {"entities", "places"} <= set(names(found))
    assert all(step.version >= 1 for step in found)


def test_a_step_stands_behind_those_whose_fields_it_reads() -> None:
    last = Step(lambda section, tags: "", 1, "copy_of", "last")
    middle = Step(lambda section: [], 1, "tags", "middle")
    first = Step(length, 1, "section", "first")
    assert names(in_order([last, middle, first])) == ["first", "middle", "last"]


def test_what_a_step_reads_and_writes_follows_from_it() -> None:
    step = Step(length, 1, ("section", "tags"))
    assert step.reads == ("body",)
    assert step.fields == ("section", "tags")


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([Step(length, 1, "nothing", "a")], "'nothing', which is no field"),
        ([Step(lambda bodie: "", 1, "section", "a")], "reads 'bodie'"),
        ([Step(length, 1, "section", "a"), Step(length, 1, "section", "b")], "'a' and 'b' both write 'section'"),
        ([Step(lambda tags: "", 1, "section", "a"), Step(lambda section: [], 1, "tags", "b")], "wait for each other: a, b"),
    ],
)
def test_a_wrong_step_is_named(steps: list[Step], message: str) -> None:
    with pytest.raises(StepError, match=message):
        in_order(steps)


def test_a_new_step_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "some_steps"
    package.mkdir()
    (package / "__init__.py").touch()
    code = "from nlp.step import Step\n\n\ndef shout(title: str) -> str:\n    return title.upper()\n\n\n"
    (package / "shout.py").write_text(code + "STEP = Step(shout, version=3, writes='section')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    (found,) = discover("some_steps")
    assert (found.name, found.version, found.fn(title="a")) == ("shout", 3, "A")
    (package / "empty.py").touch()
    for name in [name for name in sys.modules if name.startswith("some_steps")]:
        del sys.modules[name]
    with pytest.raises(StepError, match="some_steps.empty has no STEP"):
        discover("some_steps")
