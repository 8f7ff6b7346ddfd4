"""The planted effects: coefficients, and how answers come about from them.

Belongs here: every number by which a wait, a training or a reminder changes what people do or say. Does not belong:
what the effects come to in a statistic (estimands.py), and what else moves people.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

#: Waits beyond so many days, and minutes in the lobby outside these, are felt no more.
LONGEST_FELT_DAYS = 45.0
LOBBY_FREE_MINUTES, LOBBY_LONGEST_MINUTES = 15.0, 135.0

#: Spread of an answer around its mean, before rounding to the scale; and the scales.
SPREADS = {"nps": 1.2, "csat": 0.6, "ces": 0.9}
SCALES = {"nps": (0, 10), "csat": (1, 5), "ces": (1, 7)}


@dataclass(frozen=True)
class Effects:
    """Coefficients of the planted effects; all zero when they are switched off."""

    refill_gap_per_wait_day: float = 0.009  # share of a fill's days supply by which the refill comes later
    nps_per_wait_day: float = -0.10  # points of 0-10 a day of request-to-visit wait
    csat_per_wait_day: float = -0.035  # points of 1-5
    ces_per_wait_day: float = -0.05  # points of 1-7
    nps_per_lobby_minute: float = -0.02  # points a minute in the lobby beyond a quarter of an hour
    csat_per_lobby_minute: float = -0.008
    ces_per_lobby_minute: float = -0.012
    missed_log_odds_per_wait_day: float = 0.055  # of staying away from an appointment
    missed_log_odds_per_earlier_miss: float = 0.4  # of the last two
    missed_log_odds_if_reminded: float = -0.29
    training_csat: float = 0.8  # points of 1-5, in trained departments from the training's date on


NO_EFFECTS = Effects(*[0.0] * 11)


class Experience(NamedTuple):
    """What shapes the answers about a visit; numbers, or arrays of them."""

    mood: Any  # 0 is average, its spread 0.45
    trouble: Any  # points of displeasure that no planted effect explains
    wait_days: Any  # felt, at most LONGEST_FELT_DAYS; 0 where nothing was booked
    lobby_minutes: Any  # felt: beyond LOBBY_FREE_MINUTES
    is_trained: Any  # 1 where the department's training is in force

    def means(self, effects: Effects) -> dict[str, Any]:
        """Return the mean of each answer, before rounding to its scale."""
        nps = 9.2 + 2 * self.mood - self.trouble
        csat = 4.0 + 0.6 * self.mood - 0.4 * self.trouble + effects.training_csat * self.is_trained
        ces = 6.0 + self.mood - 0.6 * self.trouble
        return {
            "nps": nps + effects.nps_per_wait_day * self.wait_days + effects.nps_per_lobby_minute * self.lobby_minutes,
            "csat": csat
            + effects.csat_per_wait_day * self.wait_days
            + effects.csat_per_lobby_minute * self.lobby_minutes,
            "ces": ces + effects.ces_per_wait_day * self.wait_days + effects.ces_per_lobby_minute * self.lobby_minutes,
        }


def felt_days(wait_days: float | None) -> float:
    """Return the wait as it is felt; nothing booked is no wait."""
    return min(wait_days or 0.0, LONGEST_FELT_DAYS)


def felt_lobby(minutes: float) -> float:
    """Return the minutes in the lobby as they are felt."""
    return min(max(minutes, LOBBY_FREE_MINUTES), LOBBY_LONGEST_MINUTES) - LOBBY_FREE_MINUTES


def answer_chance(base: float, nps: Any, is_older: Any) -> Any:
    """Return the chance that a survey is answered: strong feelings and age make it likelier."""
    return base + 0.12 * abs(nps - 7.5) / 5 + 0.1 * is_older
