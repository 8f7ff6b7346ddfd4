"""The flow of booked care: a need, a booking, a visit or a missed one, and the next need.

Belongs here: who asks when, takes which slot, comes or stays away. Does not belong: the records of the other
systems, which their modules write when told what happened.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import exp

from orchestration.sample import aftermath, calls, emergency, messages, portal
from orchestration.sample.booking import Appointment, write_appointment
from orchestration.sample.clock import DAY, HOUR, MINUTE, day, local, quarter
from orchestration.sample.effects import felt_days
from orchestration.sample.encounters import REASONS, open_visit, write_encounter
from orchestration.sample.hospital import DEPARTMENTS, practitioner_id
from orchestration.sample.people import Lead, Person
from orchestration.sample.registration import pick_record
from orchestration.sample.supply import SLOT_MINUTES, SlotBook, season
from orchestration.sample.world import Visit, World

CANCELS_BY_PROVIDER = 0.02
CANCELS_LATE = 0.15  # share of patients' cancellations that come on the last day
SPECIALIST = {"diabetes": "endocrinology", "statin": "cardiology", "ras": "cardiology"}


@dataclass(frozen=True)
class Need:
    """A wish to be seen."""

    dept: str
    reason: str
    style: str  # appointment type
    asked: int
    tries: int = 0
    referral: str | None = None


@dataclass
class Clinics:
    """The bookable departments of one panel."""

    world: World
    books: dict[str, SlotBook]

    def start(self, people: list[Person]) -> None:
        """Put everybody's first needs on the clock."""
        world, begin = self.world, self.world.period.begin
        for person in people:
            first = begin + int(world.rng.random() * (75 if person.chronic else 360) * DAY)
            reason, style = (person.chronic[0], "FOLLOWUP") if person.chronic else ("annual", "CHECKUP")
            self.need(person, Need(person.home, reason, style, first))
            t = float(begin)
            while (t := t + world.rng.expovariate(1 / 300) * DAY) < world.period.end:
                if world.chance(season(int(t)) / 1.15):
                    self._acute(person, int(t))

    def need(self, person: Person, need: Need) -> None:
        """Let the person ask at ``need.asked``, moved into waking hours."""
        t = need.asked
        hour = local(t).hour
        if not 7 <= hour < 21:
            t += (7 - hour) % 24 * HOUR + self.world.between(0, 4 * 60) * MINUTE
        asked = need if need.tries else replace(need, asked=t)
        self.world.at(t, lambda now: self._ask(person, asked, now))

    def _acute(self, person: Person, t: int) -> None:
        world = self.world
        reason = world.rng.choice(("infection", "bronchitis", "back", "sprain", "knee"))
        if world.chance(0.45):
            self.need(person, Need(person.home, reason, "ROUTINE", t))
        elif reason == "knee":
            self.need(person, Need("orthopedics", reason, "ROUTINE", t))
        else:
            world.at(t, lambda now: emergency.urgent_care(world, person, reason, now))

    def _ask(self, person: Person, need: Need, now: int) -> None:
        """Ask by portal, phone or at the desk; who does not get through tries again."""
        world = self.world
        if person.died:
            return
        appointment_id, done, via_phone = world.id("appt"), now, False
        if person.account and world.chance(0.45):
            done = now + world.between(2, 12) * MINUTE
        elif world.chance(0.85):
            via_phone = True
            call = calls.Matter("schedule_appointment", need.dept, appointment_id)
            done = calls.ring(world, person, now, call)
        if done < 0:
            if need.tries < 3:
                again = now + world.between(1, 3) * DAY
                world.at(again, lambda t: self._ask(person, replace(need, tries=need.tries + 1), t))
            return
        booked = self._book(person, need, appointment_id, done)
        if booked and not via_phone and done > now:
            portal.book(world, person, now, booked)

    def _book(self, person: Person, need: Need, appointment_id: str, now: int) -> Appointment | None:
        """Take the first slot that suits; a wait beyond what people stand sends them elsewhere."""
        world, book = self.world, self.books[need.dept]
        slot = book.offer(now, person.fussy)
        wait = (book.starts[slot] - need.asked) / DAY if slot is not None else 99.0
        bearable = 12.0 if need.style == "ROUTINE" else 38.0
        if slot is None or not world.chance(1 / (1 + exp((wait - bearable) / 4))):
            self._turn_away(person, need, now)
            return None
        book.take(slot, now)
        appt = Appointment(
            appointment_id,
            person,
            pick_record(world, person),
            book.dept,
            practitioner_id(need.dept, self.world.panel),
            REASONS[need.reason],
            need.style,
            need.asked,
            now,
            book.starts[slot],
            book.slot_id(slot),
            slot,
            need.referral,
            virtual=book.dept.sub_sector == "primary_care" and world.chance(0.08),
        )
        self._arrange(appt, need)
        return appt

    def _turn_away(self, person: Person, need: Need, now: int) -> None:
        world = self.world
        if need.style == "ROUTINE" and need.dept in {"primary-north", "primary-south", "primary-west"}:
            later = now + world.between(1, 20) * HOUR
            world.at(later, lambda t: emergency.urgent_care(world, person, need.reason, t))
        else:
            self.need(person, replace(need, asked=now + world.between(10, 25) * DAY, tries=0))

    def _arrange(self, appt: Appointment, need: Need) -> None:
        """Settle what comes next for a booking: a cancellation or the day itself."""
        world = self.world
        by_patient = world.chance(_cancels(appt))
        if by_patient or world.chance(CANCELS_BY_PROVIDER):
            moment = self._second_thoughts(appt, by_patient)
            if moment is not None and moment <= world.period.end:
                world.at(moment, lambda t: self._cancel(appt, need, "pat" if by_patient else "prov", t))
                return
        if appt.start > world.period.end:
            write_appointment(world, appt, "booked", appt.booked)
        else:
            world.at(appt.start, lambda t: self._due(appt, need, t))

    def _second_thoughts(self, appt: Appointment, by_patient: bool) -> int | None:
        """Return when an appointment is cancelled: some patients think so on the last day only."""
        world, last_day = self.world, appt.start - DAY - HOUR
        if not by_patient:
            return appt.booked + int(world.rng.random() * (appt.start - appt.booked - HOUR))
        if world.chance(CANCELS_LATE):
            begin = max(last_day + 2 * HOUR, appt.booked)
            return begin + int(world.rng.random() * (appt.start - HOUR - begin))
        return None if last_day <= appt.booked else appt.booked + int(world.rng.random() * (last_day - appt.booked))

    def _cancel(self, appt: Appointment, need: Need, by: str, now: int) -> None:
        world = self.world
        if appt.slot_number is not None:
            self.books[need.dept].release(appt.slot_number, now)
        write_appointment(world, appt, "cancelled", now, by)
        if by == "pat":
            portal.cancel(world, appt, now)
            if appt.start - now < DAY:
                _note_wait(appt)
        if by == "prov" or world.chance(0.6):
            self.need(appt.person, replace(need, asked=now + world.between(5, 90) * MINUTE, tries=0))

    def _due(self, appt: Appointment, need: Need, now: int) -> None:
        """The hour has come: long waits, forgetfulness and earlier misses keep people away, reminders help."""
        world, person = self.world, appt.person
        if person.died:
            if appt.slot_number is not None:
                self.books[need.dept].release(appt.slot_number, now)
            write_appointment(world, appt, "cancelled", person.died, "pat")
            return
        reminded = messages.remind(world, appt)
        effects, log_odds = world.effects, -3.1 + 0.5 * person.forgetful
        log_odds += effects.missed_log_odds_per_wait_day * felt_days(appt.wait_days)
        log_odds += effects.missed_log_odds_per_earlier_miss * min(person.missed, 2)
        log_odds += effects.missed_log_odds_if_reminded * reminded
        chance = 1 / (1 + exp(-log_odds))
        _note(world, appt, chance)
        if world.chance(chance):
            self._missed(appt, need, now)
            return
        visit = self._attend(appt)
        world.at(visit.ended, lambda t: self._after(appt, need, visit))

    def _missed(self, appt: Appointment, need: Need, now: int) -> None:
        world, person = self.world, appt.person
        person.missed += 1
        write_appointment(world, appt, "noshow", now + 40 * MINUTE)
        if world.chance(0.6):
            self.need(person, replace(need, asked=now + world.between(1, 15) * DAY, tries=0))
        elif person.chronic:
            self.need(person, replace(need, asked=now + world.between(60, 120) * DAY, tries=0))

    def _attend(self, appt: Appointment) -> Visit:
        """Walk through lobby, room and visit; a late session runs later for everybody after."""
        world, book, start = self.world, self.books[appt.dept.id], appt.start
        free = book.ready.get(start // DAY, 0)
        arrived = start + world.between(-20, 8) * MINUTE + world.between(0, 59)
        roomed = max(arrived + world.between(2, 9) * MINUTE, free - world.between(2, 8) * MINUTE)
        seen = max(roomed + world.between(3, 8) * MINUTE, free, start)
        minutes = max(8, int(world.rng.gauss(SLOT_MINUTES + 1, 7)))
        ended = seen + minutes * MINUTE + world.between(0, 59)
        book.ready[start // DAY] = ended
        kind = "VR" if appt.virtual else "AMB"
        visit = Visit(
            "",
            "",
            appt.person,
            appt.record,
            appt.dept,
            kind,
            appt.reason,
            appt.practitioner,
            arrived,
            roomed,
            seen,
            ended,
        )
        visit.wait_days, visit.lead_days = appt.wait_days, appt.lead_days
        visit.appointment, visit.referral = appt.id, appt.referral
        return open_visit(world, visit)

    def _after(self, appt: Appointment, need: Need, visit: Visit) -> None:
        """Record the visit, let it have its consequences, and settle when the person will ask again."""
        world, person, ended = self.world, appt.person, visit.ended
        write_encounter(world, visit)
        write_appointment(world, appt, "fulfilled", ended)
        aftermath.visited(world, visit)
        if need.dept in SPECIALIST.values():
            self.need(
                person, replace(need, style="FOLLOWUP", asked=ended + world.between(90, 150) * DAY, referral=None)
            )
            return
        if need.dept == "orthopedics":
            if world.chance(0.6):
                self.need(person, replace(need, style="FOLLOWUP", asked=ended + world.between(20, 60) * DAY))
            return
        if need.style == "FOLLOWUP":
            self.need(person, replace(need, asked=ended + world.between(60, 100) * DAY, tries=0))
        elif need.style == "CHECKUP":
            self.need(person, replace(need, asked=ended + world.between(300, 420) * DAY, tries=0))
        self._refer(visit, need)

    def _refer(self, visit: Visit, need: Need) -> None:
        """Send some people on to a specialist, who will report back."""
        world, person = self.world, visit.person
        target = SPECIALIST.get(need.reason, "orthopedics" if need.reason in {"knee", "back", "sprain"} else "")
        if not target or target in person.moved_on or not world.chance(0.45):
            return
        person.moved_on[target] = visit.ended
        referral = messages.refer(world, visit, target)
        asked = visit.ended + world.between(2, 100) * HOUR
        self.need(
            person, Need(target, need.reason, "ROUTINE" if target == "orthopedics" else "CHECKUP", asked, 0, referral)
        )


def _cancels(appt: Appointment) -> float:
    """Return the chance that the patient cancels."""
    return 0.05 + 0.002 * appt.wait_days


def _note(world: World, appt: Appointment, chance: float) -> None:
    """Tell the truth how likely the appointment was to be missed: not kept, or cancelled on its last day.

    Of every appointment that comes due some like it were cancelled late and never did; it stands for them too.
    """
    late = _cancels(appt) * CANCELS_LATE
    early = _cancels(appt) - late if appt.start - DAY - HOUR > appt.booked else 0.0
    stays = 1 - late - early - (1 - _cancels(appt)) * CANCELS_BY_PROVIDER
    group = (appt.dept.id, quarter(appt.start))
    world.truth.estimands.appointment(group, appt.lead_days, (late + stays * chance) / (late + stays), 1 + late / stays)
    _note_wait(appt)


def _note_wait(appt: Appointment) -> None:
    """Tell the truth how long was waited for an appointment that was kept, missed or cancelled on its last day."""
    lead = Lead(day(appt.start), appt.dept.id, appt.lead_days)
    appt.person.waits.leads.setdefault(quarter(appt.start), []).append(lead)


def open_clinics(world: World, people: list[Person]) -> Clinics:
    """Open the bookable departments with slots for the demand expected of these people."""
    yearly = dict.fromkeys((d.id for d in DEPARTMENTS.values() if d.pressure), 0.0)
    for person in people:
        yearly[person.home] += 3.3 if person.chronic else 1.1
        for target in {SPECIALIST[kind] for kind in person.chronic[:1]}:
            yearly[target] += 1.1
        yearly["orthopedics"] += 0.25
    books = {
        name: SlotBook(DEPARTMENTS[name], world.panel, visits / 251, world.rng, world.period)
        for name, visits in yearly.items()
    }
    return Clinics(world, books)
