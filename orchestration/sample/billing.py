"""Billing: charges, claims, payers' answers, statements and payments.

Belongs here: what is billed and paid, and why claims are denied. Does not belong: X12 text (x12.py).
Denials follow from coverage gaps, missing dependent codes, missing referrals and late filing.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial

from orchestration.sample import calls, portal
from orchestration.sample.clock import DAY, HOUR, MINUTE, at, day, wall
from orchestration.sample.world import Visit, World
from orchestration.sample.x12 import Adjustment, Claim, Interchanges, Line, Remit, claims_837, remits_835

_PLACES = {"primary_care": "11", "medical_specialty": "11", "urgent_care": "20", "emergency": "23"}
_EXTRAS = (("80053", 6_400), ("36415", 1_800), ("93000", 9_900), ("85025", 4_200), ("87880", 3_900))
_STATEMENTS = ["statement_id", "account_number", "mrn", "balance_amount", "currency", "sent_at", "due_on", "channel"]
_PAYMENTS = ["payment_id", "statement_id", "account_number", "amount", "paid_at", "method"]


@dataclass
class Office:
    """The billing office of one panel; claims and remittances wait here for their weekly batch."""

    world: World
    files: Interchanges
    claims: dict[tuple[date, str], list[Claim]] = field(default_factory=lambda: defaultdict(list))
    remits: dict[tuple[date, str], list[Remit]] = field(default_factory=lambda: defaultdict(list))

    def bill(self, visit: Visit) -> None:
        """Charge a visit and send the claim some days later."""
        world, person = self.world, visit.person
        if visit.seen is None:
            return
        kind = "837I" if visit.kind == "IMP" else "837P"
        late = world.chance(0.03)
        sent = visit.ended + (world.between(95, 120) if late else world.between(2, 9)) * DAY
        stated = not person.subscriber or world.chance(0.55)
        claim = Claim(
            visit.account,
            kind,
            person,
            visit.record.mrn if world.chance(0.85) else "",
            person.member_id if stated else person.subscriber_id,
            person.payer,
            self._lines(visit),
            visit.reason.icd,
            (day(visit.arrived), day(visit.ended)),
            _PLACES.get(visit.dept.sub_sector, "11"),
        )
        world.at(sent, partial(self._submit, visit, claim, self._denial(visit, stated, late)))

    def _lines(self, visit: Visit) -> list[Line]:
        world, (code, cents) = self.world, visit.dept.cpt
        cents = int(cents * world.rng.uniform(0.9, 1.15))
        if visit.kind == "IMP":
            days = max(1, round((visit.ended - visit.arrived) / DAY))
            return [Line(code, "0120", cents * days, days), Line("71046", "0324", 31_000)]
        extras = world.rng.sample(_EXTRAS, world.rng.choices((0, 1, 2), (50, 35, 15))[0])
        return [Line(code, "", cents), *(Line(extra, "", price) for extra, price in extras)]

    def _denial(self, visit: Visit, stated: bool, late: bool) -> str:
        """Return the reason code with which the payer will deny, or nothing."""
        world, person = self.world, visit.person
        if not person.insured(visit.arrived):
            return "27"
        if late:
            return "29"
        if not stated and world.chance(0.15):
            return "16"
        unreferred = visit.dept.sub_sector == "medical_specialty" and visit.referral is None
        return "197" if unreferred and world.chance(0.08) else ""

    def _submit(self, visit: Visit, claim: Claim, denial: str, now: int) -> None:
        """Send the claim with the week's batch; the payer answers two to four weeks later."""
        world = self.world
        batch = _weekday(now, 0)
        if batch > world.period.end:
            return
        if not claim.replaces:
            world.truth.same("billing", claim.account, claim.person.number)
        self.claims[day(batch), claim.kind].append(claim)
        answer = _weekday(batch + world.between(12, 26) * DAY, 4)
        world.at(answer, partial(self._adjudicate, visit, claim, denial))

    def _adjudicate(self, visit: Visit, claim: Claim, denial: str, now: int) -> None:
        world, person = self.world, claim.person
        control = f"{day(now):%y%j}{world.rng.randrange(10**9):09d}"
        if denial:
            status = "4" if world.chance(0.7) else "1"
            lines = [Adjustment("PI" if denial == "197" else "CO", denial, claim.cents)]
            self._answer(Remit(claim, status, control, 0, [lines], by_line=False), now)
            person.troubles += 1
            if denial in {"16", "197"} and world.chance(0.6):
                again = replace(claim, replaces=control, member=person.member_id)
                world.at(now + world.between(6, 25) * DAY, partial(self._submit, visit, again, ""))
            elif denial == "27":
                self._statement(visit, claim.cents * 4 // 10, now + world.between(5, 9) * DAY, 1)
            return
        remit = self._price(claim, control, bool(person.secondary))
        self._answer(remit, now)
        if person.secondary:
            world.at(_weekday(now + 14 * DAY, 4), partial(self._secondary, visit, remit))
        elif remit.patient:
            self._statement(visit, remit.patient, now + world.between(5, 9) * DAY, 1)

    def _price(self, claim: Claim, control: str, forwarded: bool) -> Remit:
        """Return the payer's answer: contractual reduction, patient's share, payment, line by line."""
        world = self.world
        allowed_share = world.rng.uniform(0.52, 0.72)
        share = 0 if claim.payer == "medicaid" else world.rng.choice((10, 20, 20, 30))
        copay = 0 if claim.payer == "medicaid" else world.rng.choice((0, 2000, 3000, 4500))
        deductible = world.rng.randrange(2_000, 20_000) if share and world.chance(0.2) else 0
        paid, groups = [], []
        for number, line in enumerate(claim.lines):
            allowed = int(line.cents * allowed_share)
            first = min(deductible if number == 0 else 0, allowed)
            visit_fee = min(copay if number == 0 else 0, allowed - first)
            part = (allowed - first - visit_fee) * share // 100
            group = [Adjustment("CO", "45", line.cents - allowed), Adjustment("PR", "1", first)]
            group += [Adjustment("PR", "2", part), Adjustment("PR", "3", visit_fee)]
            groups.append(group)
            paid.append(allowed - first - visit_fee - part)
        return Remit(claim, "19" if forwarded else "1", control, sum(paid), groups, line_paid=paid)

    def _secondary(self, visit: Visit, first: Remit, now: int) -> None:
        """Let the second insurer take most of what the first left to the patient."""
        world, claim = self.world, replace(first.claim, payer=first.claim.person.secondary)
        paid = first.patient * 8 // 10
        group = [Adjustment("OA", "23", claim.cents - first.patient), Adjustment("PR", "2", first.patient - paid)]
        control = f"{day(now):%y%j}{world.rng.randrange(10**9):09d}"
        remit = Remit(claim, "2", control, paid, [group], by_line=False)
        self._answer(remit, now)
        if remit.patient:
            self._statement(visit, remit.patient, now + world.between(5, 9) * DAY, 1)

    def _answer(self, remit: Remit, now: int) -> None:
        self.remits[day(now), remit.claim.payer].append(remit)

    def _statement(self, visit: Visit, cents: int, sent: int, round_: int) -> None:
        """Send a bill; people pay, ask, or let it lie until the next one."""
        if cents > 0:
            self.world.at(sent, lambda now: self._send(visit, cents, now, round_))

    def _send(self, visit: Visit, cents: int, now: int, round_: int) -> None:
        world, person = self.world, visit.person
        statement = world.id("stmt")
        channel = "portal" if person.account and world.chance(0.6) else "mail"
        table = world.out.table("billing", f"statements/statements-{day(now):%Y-%m}.csv", [_STATEMENTS])
        due = day(now + 25 * DAY).isoformat()
        mrn = visit.record.mrn
        table.row((statement, visit.account, mrn, _amount(cents), "USD", wall(now, "T"), due, channel))
        if person.died:
            return
        if (cents > 15_000 and world.chance(0.25)) or world.chance(0.05):
            matter = calls.Matter("billing_question", visit.dept.id)
            asked = at(day(now + world.between(2, 12) * DAY), world.between(8, 17), world.between(0, 59))
            world.at(asked, lambda t: calls.settle(world, person, t, matter))
        pays = world.chance((0.72 if cents < 20_000 else 0.5) + 0.05 * person.content)
        paid_at = now + world.between(3 * 24 * 60, 28 * 24 * 60) * MINUTE
        if channel == "portal" and (pays or world.chance(0.3)):
            portal.view_bill(world, person, paid_at, (statement, cents))
        if pays and paid_at + HOUR <= world.period.end:
            self._pay(visit, (statement, cents, channel), paid_at + 2 * MINUTE)
        elif not pays and round_ < 3:
            self._statement(visit, cents, now + 33 * DAY, round_ + 1)

    def _pay(self, visit: Visit, bill: tuple[str, int, str], t: int) -> None:
        statement, cents, channel = bill
        world = self.world
        if channel == "portal":
            portal.pay_bill(world, visit.person, t, (statement, cents))
        method = "card" if channel == "portal" else world.rng.choice(("check", "card", "cash"))
        table = world.out.table("billing", f"payments/payments-{day(t):%Y-%m}.csv", [_PAYMENTS])
        table.row((world.id("pay"), statement, visit.account, _amount(cents), wall(t, "T"), method))

    def flush(self) -> None:
        """Write the panel's batches: claims by week and kind, remittances by week and payer."""
        world, panel = self.world, self.world.panel
        for (on, kind), claims in sorted(self.claims.items(), key=lambda item: item[0]):
            name = f"837/{'professional' if kind == '837P' else 'institutional'}-{on:%Y-%m}.837"
            segments = claims_837(kind, f"{on:%Y%m%d}{panel:05d}", on, claims)
            self.files.transaction(name, kind, on, segments, len(claims))
        for (on, payer), remits in sorted(self.remits.items(), key=lambda item: item[0]):
            takes_back = world.between(500, 4000) if world.chance(0.05) else 0
            takes_back = min(takes_back, sum(remit.paid for remit in remits))
            reference = f"{on:%Y%m%d}{panel:05d}{payer[:3].upper()}"
            segments = remits_835(reference, on, remits, takes_back)
            place = self.files.transaction(f"835/remits-{on:%Y-%m}.835", "835", on, segments, len(remits))
            for number, remit in enumerate(remits):
                if remit.broken:
                    line = place.line - len(remits) + number + 1
                    world.truth.spoil("billing", place._replace(line=line), "unbalanced_claim")


def _weekday(t: int, weekday: int) -> int:
    """Return 17:00 local on the next such weekday (0 = Monday)."""
    on = day(t)
    return at(day(t + (weekday - on.weekday()) % 7 * DAY), 17)


def _amount(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"
