"""Revenue at risk: what missed visits, people who left unseen, and late bills cost.

Belongs here: counting losses and pricing them. Does not belong: any claim that they could have been avoided.

A missed or left visit is priced at what visits to the same department earned (payer's payment and patient's share) in
the year before the quarter's end. It is lost once ``recovery_days`` have passed without a visit there, recovered where
one came, and open until then. A late bill is priced at its balance.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from orchestration.statistics.cases import ALL, read_cases
from orchestration.statistics.declarations import Declarations, Revenue
from orchestration.statistics.tables import HIDDEN_BELOW, Row, money

Z_95 = 1.959963984540054
HIDDEN = f"n_below_{HIDDEN_BELOW}"
COUNTS = ("n_events", "n_recovered", "n_open", "n_lost")


def revenue_at_risk(declared: Declarations, exchange: Path) -> list[Row]:
    """Return one row per component, quarter and department (and ``all``)."""
    rules = declared.revenue
    common = {"department_id", "as_of_date", "person_key"}
    visits = read_cases(exchange, declared.cases["visits"], {*common, "visit_on", "left_unseen", "revenue_amount"})
    appointments = read_cases(
        exchange, declared.cases["appointments"], {*common, "start_on", "is_missed", "recovered_on"}
    )
    bills = read_cases(
        exchange,
        declared.cases["bills"],
        {"department_id", "as_of_date", "opened_on", "days_open", "is_resolved", "balance_amount"},
    )
    missed = appointments[appointments["is_missed"].astype(bool)]
    prices = Prices(visits, rules)
    return [
        *_visits_lost("missed_visit", _fates(missed, "start_on", rules), prices),
        *_visits_lost("left_unseen", _fates(_unseen(visits), "visit_on", rules), prices),
        *_late_bills(bills, rules),
    ]


class Prices:
    """What a visit earns: mean revenue of priced visits by department, with the error of that mean."""

    def __init__(self, visits: pd.DataFrame, rules: Revenue) -> None:
        """Keep the visits that were seen and whose claim was answered."""
        priced = visits[~visits["left_unseen"].astype(bool) & visits["revenue_amount"].notna()]
        dated = priced.assign(day=pd.to_datetime(priced["visit_on"]))[["department_id", "day", "revenue_amount"]]
        self._by_department = {str(name): rows for name, rows in dated.groupby("department_id", observed=True)}
        self._days = pd.Timedelta(days=rules.price_days)

    def of(self, department: str, until: pd.Timestamp) -> tuple[int, float, float]:
        """Return n, mean and standard error of the department's visits in the year up to a day (n = 0: no price)."""
        own = self._by_department.get(department)
        if own is None:
            return 0, 0.0, 0.0
        is_recent = (own["day"] <= until) & (own["day"] > until - self._days)
        amounts = own.loc[is_recent, "revenue_amount"].to_numpy(dtype=float)
        if len(amounts) < 2:
            return 0, 0.0, 0.0
        return len(amounts), float(amounts.mean()), float(amounts.std(ddof=1) / np.sqrt(len(amounts)))


def _unseen(visits: pd.DataFrame) -> pd.DataFrame:
    """Return the visits that were left unseen, with the first later visit of the person to the department."""
    keyed = visits.assign(day=pd.to_datetime(visits["visit_on"]))[["person_key", "department_id", "day", "left_unseen"]]
    left = keyed[keyed["left_unseen"].astype(bool)].sort_values("day")
    seen = keyed[~keyed["left_unseen"].astype(bool)].sort_values("day").rename(columns={"day": "recovered_on"})
    found = pd.merge_asof(
        left,
        seen[["person_key", "department_id", "recovered_on"]],
        left_on="day",
        right_on="recovered_on",
        by=["person_key", "department_id"],
        direction="forward",
        allow_exact_matches=True,
    )
    return found.assign(visit_on=found["day"], as_of_date=visits["as_of_date"].iloc[0] if len(visits) else None)


def _fates(events: pd.DataFrame, date_column: str, rules: Revenue) -> pd.DataFrame:
    """Return department_id, day and what became of each event: recovered, open or lost."""
    day, window = pd.to_datetime(events[date_column]), pd.Timedelta(days=rules.recovery_days)
    is_recovered = pd.to_datetime(events["recovered_on"]) <= day + window
    is_open = ~is_recovered & (day + window > pd.to_datetime(events["as_of_date"]))
    return pd.DataFrame(
        {
            "department_id": events["department_id"].astype(str),
            "day": day,
            "n_events": 1,
            "n_recovered": is_recovered.astype(int),
            "n_open": is_open.astype(int),
            "n_lost": (~is_recovered & ~is_open).astype(int),
        }
    )


def _visits_lost(component: str, fates: pd.DataFrame, prices: Prices) -> Iterator[Row]:
    for row, until, events in _cells(component, fates):
        row["method"] = "lost visits x mean revenue of a visit to their department"
        if row["suppressed"]:
            yield {**row, "status": "hidden", "reason": HIDDEN}
            continue
        lost = events.groupby("department_id")["n_lost"].sum()
        found = {name: prices.of(str(name), until) for name in lost.index}
        priced = [name for name in lost.index if found[name][0] >= HIDDEN_BELOW]
        row["n_priced"] = sum(found[name][0] for name in priced)
        if not priced:
            yield {**row, "status": "no_price", "reason": f"fewer than {HIDDEN_BELOW} priced visits"}
            continue
        amount = sum(lost[name] * found[name][1] for name in priced)
        half = Z_95 * sqrt(sum((lost[name] * found[name][2]) ** 2 for name in priced))
        unpriced = int(lost.sum() - lost[priced].sum())
        yield {
            **row,
            "amount": money(amount),
            "ci_low": money(max(0.0, amount - half)),
            "ci_high": money(amount + half),
            "status": "partly_priced" if unpriced else "estimated",
            "reason": f"{unpriced} lost visits to departments without a price" if unpriced else None,
        }


def _late_bills(bills: pd.DataFrame, rules: Revenue) -> Iterator[Row]:
    late = bills[bills["days_open"] > rules.late_days]
    is_paid = late["is_resolved"].astype(bool)
    fates = pd.DataFrame(
        {
            "department_id": late["department_id"].astype(str),
            "day": pd.to_datetime(late["opened_on"]),
            "n_events": 1,
            "n_recovered": is_paid.astype(int),
            "n_open": 0,
            "n_lost": (~is_paid).astype(int),
            "amount": late["balance_amount"].where(~is_paid, 0.0),
        }
    )
    for row, _, events in _cells("late_bill", fates):
        row["method"] = f"balances still open after more than {rules.late_days} days"
        if row["suppressed"]:
            yield {**row, "status": "hidden", "reason": HIDDEN}
        else:
            amount = money(float(events["amount"].sum()))
            yield {**row, "amount": amount, "ci_low": amount, "ci_high": amount, "status": "observed"}


def _cells(component: str, fates: pd.DataFrame) -> Iterator[tuple[Row, pd.Timestamp, pd.DataFrame]]:
    """Yield the counts of each quarter and department, its last day and its events."""
    quarters: Any = fates["day"].dt.to_period("Q")
    for quarter, events in fates.groupby(quarters, sort=True):
        parts = [(ALL, events), *((str(name), rows) for name, rows in events.groupby("department_id", sort=True))]
        for department, rows in parts:
            until = quarter.end_time.normalize()
            row: Row = {
                "component": component,
                "period_start": quarter.start_time.date(),
                "period_end": until.date(),
                "department_id": department,
                **{name: int(rows[name].sum()) for name in COUNTS},
            }
            row["suppressed"] = 0 < row["n_events"] < HIDDEN_BELOW
            yield row, until, rows
