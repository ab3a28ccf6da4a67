"""`alerts backtest`: any regular series in, one verdict per row out, and one clear line for a file that cannot be read."""

from __future__ import annotations

import json
import random
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from alerts.backtest import backtest, read_series
from cli.alerting import alerts
from diembao.errors import InputError, UsageError
from diembao.settings import Settings


def rows(days: int = 40, spike: int | None = 700, seed: int = 1) -> list[str]:
    rng = random.Random(seed)
    start = datetime(2026, 3, 1)
    out = []
    for hour in range(days * 24):
        value = (rng.random() < 0.2) + (4 if spike is not None and spike <= hour < spike + 6 else 0)
        out.append(f"{start + timedelta(hours=hour)},{value}")
    return out


def verdicts(lines: list[str], budget: float = 4.0) -> list[dict[str, object]]:
    return [json.loads(line) for line in backtest(read_series(lines), budget)]


def test_every_row_gets_its_line_in_order() -> None:
    lines = rows()
    out = verdicts(["timestamp,value", *lines])
    assert [f"{v['timestamp']},{v['observed']}" for v in out] == lines
    assert all(list(v) == ["timestamp", "series", "observed", "expected", "score", "alert"] for v in out)
    begins = [index for index, v in enumerate(out) if v["alert"]]
    assert len(begins) == 1
    assert 700 <= begins[0] < 703
    assert all(0 <= float(str(v["score"])) < 1 for v in out)


def test_a_file_cut_short_gives_the_same_beginning() -> None:
    lines = rows()
    assert verdicts(lines)[:500] == verdicts(lines[:500])


def test_series_may_stand_one_behind_the_other_or_mixed() -> None:
    a, b = (
        ["{0},{2},{1}".format(*line.split(","), name) for line in rows(seed=seed, spike=spike)]
        for name, seed, spike in (("a", 1, 700), ("b", 2, None))
    )
    mixed = [line for pair in zip(a, b, strict=True) for line in pair]
    key = lambda verdict: (verdict["series"], verdict["timestamp"])  # noqa: E731
    assert sorted(verdicts(a + b), key=key) == sorted(verdicts(mixed), key=key)
    assert [v["series"] for v in verdicts(a + b) if v["alert"]] == ["a"]


def test_rows_that_one_series_lacks_are_missing_there_and_later_rows_of_the_others_tell_nothing() -> None:
    files = {name: ["{0},{2},{1}".format(*line.split(","), name) for line in rows(60, spike, seed)]
             for name, seed, spike in (("a", 1, 700), ("b", 2, None), ("c", 3, None))}  # fmt: skip
    files["b"] = [line for index, line in enumerate(files["b"]) if not 400 <= index < 450]
    mixed = sorted(line for lines in files.values() for line in lines)
    out = verdicts(mixed)
    assert [f"{v['timestamp']},{v['series']},{v['observed']}" for v in out] == mixed
    assert [v["series"] for v in out if v["alert"]] == ["a"]
    cut = next(index for index, line in enumerate(mixed) if line >= "2026-04-10")
    changed = [line.rsplit(",", 1)[0] + ",9" for line in mixed[cut:]]
    assert verdicts(mixed[:cut] + changed)[:cut] == out[:cut]


def test_series_of_other_years_and_twice_the_same_time_are_judged_apart() -> None:
    early = [f"{line.split(',')[0].replace('2026', '2024')},old,{line.split(',')[1]}" for line in rows(30)]
    late = ["{},new,{}".format(*line.split(",")) for line in rows(30)]
    twice = ["2026-03-01 00:00,twice,1", "2026-03-01 00:00,twice,2"]
    out = verdicts(early + late + twice)
    assert [v["observed"] for v in out[-2:]] == [1, 2]
    assert [v["alert"] for v in out[: len(early)]].count(True) == 1


def test_columns_may_stand_in_any_order_under_a_header() -> None:
    assert verdicts(["value,timestamp,series", "3,2026-03-01 00:00,x"])[0]["series"] == "x"


def test_times_may_carry_a_zone_and_values_be_missing_or_fractions() -> None:
    out = verdicts(["2026-03-01T00:00:00Z,1.5", "2026-03-01T01:00:00+00:00,", "2026-03-01T09:00:00+07:00,2"])
    assert [v["observed"] for v in out] == [1.5, None, 2]


def test_a_first_row_without_a_value_is_a_row() -> None:
    assert [v["observed"] for v in verdicts(["2026-03-01 00:00,", "2026-03-01 01:00,2"])] == [None, 2]


def test_a_series_name_with_quotes_comes_out_as_json() -> None:
    assert verdicts(['2026-03-01,"a ""b"" \\ c",1'])[0]["series"] == 'a "b" \\ c'


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "no rows"),
        (["timestamp,value"], "no rows"),
        (["timestamp,value", "2026-03-01 00:00,1", "2026-03-01 01:00,viele"], r"row 3: 'viele' is not a number"),
        (["timestamp,value", "2026-03-01 00:00,1", "gestern,1"], r"row 3: 'gestern' is not a time"),
        (["timestamp,value", "2026-03-01 00:00,1", "2026-02-01 00:00,1"], r"row 3 is earlier"),
        (["timestamp,value", "2026-03-01 00:00,1", "2026-03-01 01:00"], r"row 3 has 1 fields"),
        (["2026-03-01 00:00,1", "2026-03-01 01:00,inf"], r"row 2: the value is not finite"),
        (["a,b,c,d"], r"row 1 has 4 fields"),
        (["2026-03-01,zehn"], r"row 1: 'zehn' is not a number"),
        (["2026-13-41 00:00,1"], r"row 1: '2026-13-41 00:00' is not a time"),
    ],
)
def test_a_broken_file_is_one_line_with_its_row(lines: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        list(backtest(read_series(lines)))
    assert error.value.hint


@pytest.mark.parametrize("budget", [0.0, -1.0, float("nan"), float("inf")])
def test_a_budget_must_be_a_number_above_zero(budget: float) -> None:
    with pytest.raises(UsageError, match="budget"):
        verdicts(rows(2, None), budget)


def test_the_command_prints_json_lines_and_names_the_file_in_errors(tmp_path: Path) -> None:
    settings = Settings(tmp_path, tmp_path, "sqlite", "sqlite://")
    file = tmp_path / "counts.csv"
    file.write_text("\n".join(rows(3, None)), encoding="utf-8")
    result = CliRunner().invoke(alerts, ["backtest", "--series", str(file), "--false-alerts-per-year", "2"], obj=settings)
    assert result.exit_code == 0
    assert len([json.loads(line) for line in result.stdout.splitlines()]) == 72
    file.write_bytes(b"2026-03-01,\xff\xfe1")
    assert "not UTF-8" in str(CliRunner().invoke(alerts, ["backtest", "--series", str(file)], obj=settings).exception)
    missing = CliRunner().invoke(alerts, ["backtest", "--series", str(tmp_path / "none.csv")], obj=settings).exception
    assert isinstance(missing, InputError)
    assert "none.csv" in str(missing)
