"""`diembao alerts backtest`: the detector over a file of series, each row judged on itself and earlier rows only."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from alerts.statistics import Booleans, Detector, Floats, Integers
from diembao.clock import VIETNAM
from diembao.errors import InputError, UsageError

_HINT = "The file is CSV with the columns timestamp,value or timestamp,series,value, times such as 2026-11-20 07:00"
_ZERO = datetime(1970, 1, 1)  # noqa: DTZ001 - local wall time without zone, on purpose


@dataclass(frozen=True)
class SeriesFile:
    """The rows of a file, in their order.

    Attributes:
        timestamps: as written.
        series: name of each row's series; empty names when the file has no such column.
        values: as written.
        times: seconds of local time (UTC+7) since 1970, shape (rows,).
        numbers: the values (judged as 0 where they are below it); NaN where the field is empty, shape (rows,).
    """

    timestamps: list[str]
    series: list[str]
    values: list[str]
    times: Integers
    numbers: Floats


def read_series(lines: Iterable[str]) -> SeriesFile:
    """The rows of a CSV file.

    A first row without a number in it is a header; the columns may then stand in any order.

    Raises:
        InputError: for the first row that cannot be read, that goes back in time, or an empty file; names the row (from 1).
    """
    timestamps: list[str] = []
    names: list[str] = []
    values: list[str] = []
    rows: list[int] = []
    columns: tuple[int, int | None, int] | None = None
    width = 0
    reader = csv.reader(lines)
    try:
        for fields in reader:
            if not fields or (len(fields) == 1 and not fields[0].strip()):
                continue
            if columns is None:
                columns, is_header = _columns(fields, reader.line_num)
                width = len(fields)
                if is_header:
                    continue
            if len(fields) != width:
                raise InputError(f"row {reader.line_num} has {len(fields)} fields instead of {width}", _HINT)
            timestamps.append(fields[columns[0]])
            if columns[1] is not None:
                names.append(fields[columns[1]])
            values.append(fields[columns[2]])
            rows.append(reader.line_num)
    except csv.Error as error:
        raise InputError(f"row {reader.line_num} is not CSV: {error}", _HINT) from error
    if not timestamps:
        raise InputError("the file has no rows", _HINT)
    times, numbers = _read_times(timestamps, rows), _read_numbers(values, rows)
    if not names:
        names = [""] * len(timestamps)
    last: dict[str, int] = {}
    for row, name, at in zip(rows, names, times.tolist(), strict=True):
        if at < last.get(name, at):
            raise InputError(f"row {row} is earlier than the row before it of the same series", "Sort each series by time, oldest first")
        last[name] = at
    return SeriesFile(timestamps, names, values, times, numbers)


def backtest(file: SeriesFile, false_alerts_per_year: float = 4.0) -> Iterator[str]:
    """JSON lines `{"timestamp", "series", "observed", "expected", "score", "alert"}`, one per row of `file`, in its order.

    Args:
        file: see read_series.
        false_alerts_per_year: how many false alerts a year are acceptable over all series of the file.

    Raises:
        UsageError: when the budget is not positive.
    """
    if not false_alerts_per_year > 0 or not np.isfinite(false_alerts_per_year):
        raise UsageError("the budget of false alerts a year must be above 0", "For example --false-alerts-per-year 4")
    expected, score, alert = judge(file, false_alerts_per_year)
    labels = {name: json.dumps(name, ensure_ascii=False) for name in set(file.series)}
    known = np.isfinite(expected)
    for at, name, number, e, has, s, a in zip(
        file.timestamps, file.series, file.numbers.tolist(), expected.tolist(), known.tolist(), score.tolist(), alert.tolist(), strict=True
    ):  # fmt: skip
        observed = "null" if number != number else (repr(int(number)) if number == int(number) and abs(number) < 1e15 else repr(number))
        stamp = f'"{at}"' if at.isascii() and '"' not in at and "\\" not in at and at.isprintable() else json.dumps(at)
        yield (
            f'{{"timestamp":{stamp},"series":{labels[name]},"observed":{observed},"expected":{f"{e:.6g}" if has else "null"},'
            f'"score":{s:.6f},"alert":{"true" if a else "false"}}}'
        )


def judge(file: SeriesFile, false_alerts_per_year: float) -> tuple[Floats, Floats, Booleans]:
    """(expected, score, alert) of each row of `file`; see alerts.statistics.Judgement."""
    total = len(file.timestamps)
    if len(set(file.series)) == 1:
        members = {file.series[0]: np.arange(total)}
    else:
        lists: dict[str, list[int]] = defaultdict(list)
        for row, name in enumerate(file.series):
            lists[name].append(row)
        members = {name: np.asarray(rows) for name, rows in lists.items()}
    budget = false_alerts_per_year / len(members)
    expected, score, alert = np.full(total, np.nan), np.zeros(total), np.zeros(total, bool)
    for rows_of in _groups([file.times[rows] for rows in members.values()], list(members.values())):
        times = np.unique(np.concatenate([file.times[rows] for rows in rows_of]))
        detector = Detector(step_of(times), len(rows_of), budget, pool=len(rows_of) > 1)
        if any(len(rows) != len(times) for rows in rows_of):
            # Rows that one series has and another lacks are missing there, not zero. Two rows of one time stand alone, see _groups.
            if len(rows_of) == 1:
                times, values = file.times[rows_of[0]], file.numbers[rows_of[0]][:, None]
                places = [np.arange(len(times))]
            else:
                values = np.full((len(times), len(rows_of)), np.nan)
                places = [np.searchsorted(times, file.times[rows]) for rows in rows_of]
                for column, (rows, place) in enumerate(zip(rows_of, places, strict=True)):
                    values[place, column] = file.numbers[rows]
        else:
            values, places = file.numbers[np.stack(rows_of, axis=1)], [np.arange(len(times))] * len(rows_of)
        judgement = detector.update(times, values)
        for column, (rows, place) in enumerate(zip(rows_of, places, strict=True)):
            expected[rows] = judgement.expected[place, column]
            score[rows], alert[rows] = judgement.score[place, column], judgement.alert[place, column]
    return expected, score, alert


def _groups(times: list[Integers], rows: list[Integers]) -> list[list[Integers]]:
    """The series that are judged together: all that have nearly the same times, those apart that have their own.

    Args:
        times: seconds of each series' rows.
        rows: which rows of the file those are; what the groups consist of.
    """
    together: dict[int, list[int]] = defaultdict(list)
    alone: list[list[Integers]] = []
    for index, own in enumerate(times):
        if len(own) > 1 and not (np.diff(own) > 0).all():
            alone.append([rows[index]])
        else:
            together[step_of(own)].append(index)
    groups = []
    for indices in together.values():
        union = np.unique(np.concatenate([times[index] for index in indices]))
        if len(union) * len(indices) <= 1.5 * sum(len(times[index]) for index in indices):
            groups.append([rows[index] for index in indices])
            continue
        same: dict[bytes, list[Integers]] = defaultdict(list)
        for index in indices:
            same[times[index].tobytes()].append(rows[index])
        groups.extend(same.values())
    return groups + alone


def step_of(times: Integers) -> int:
    """The step of a series in seconds: the middle difference of its first thousand rows; an hour when there is one row only."""
    differences = np.diff(times[:1001])
    differences = differences[differences > 0]
    return max(1, int(np.median(differences))) if len(differences) else 3600


def _columns(fields: list[str], row: int) -> tuple[tuple[int, int | None, int], bool]:
    names = [field.strip().lstrip("\ufeff").lower() for field in fields]
    if "timestamp" in names and "value" in names:
        return (names.index("timestamp"), names.index("series") if "series" in names else None, names.index("value")), True
    if len(fields) not in (2, 3):
        raise InputError(f"row {row} has {len(fields)} fields", _HINT)
    # A first row with neither a time nor a number is a header with other names.
    is_header = not _is_time(fields[0]) and not _is_number(names[-1])
    return (0, 1 if len(fields) == 3 else None, len(fields) - 1), is_header


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _is_time(text: str) -> bool:
    try:
        _seconds(text)
    except (ValueError, OverflowError):
        return False
    return True


def _seconds(text: str) -> int:
    moment = datetime.fromisoformat(text.strip().lstrip("\ufeff"))
    if moment.tzinfo is not None:
        moment = moment.astimezone(VIETNAM).replace(tzinfo=None)
    return int((moment - _ZERO).total_seconds())


def _read_times(timestamps: list[str], rows: list[int]) -> Integers:
    plain = all(
        len(text) in (16, 19) and text.isascii() and text[-1].isdigit() and "+" not in text and text[-6] != "-" for text in timestamps
    )
    if plain:
        try:
            return np.asarray(np.array(timestamps, dtype="datetime64[s]").astype(np.int64))
        except ValueError:
            pass
    out = np.empty(len(timestamps), np.int64)
    for index, text in enumerate(timestamps):
        try:
            out[index] = _seconds(text)
        except (ValueError, OverflowError) as error:
            raise InputError(f"row {rows[index]}: {text[:60]!r} is not a time", _HINT) from error
    return out


def _read_numbers(values: list[str], rows: list[int]) -> Floats:
    try:
        out = np.array(values, dtype=np.float64)
    except ValueError:
        out = np.empty(len(values))
        for index, text in enumerate(values):
            try:
                out[index] = float(text) if text.strip() else np.nan
            except ValueError as error:
                raise InputError(f"row {rows[index]}: {text[:60]!r} is not a number", _HINT) from error
    if np.isinf(out).any():
        raise InputError(f"row {rows[int(np.flatnonzero(np.isinf(out))[0])]}: the value is not finite", _HINT)
    return out
