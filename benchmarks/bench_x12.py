"""Speed and memory of the X12 reader on a generated 835, beside pyx12's context reader on a part of the same kind.

Run: python -m benchmarks.bench_x12 [--megabytes 100] [--write]. Without pyx12 installed its part is left out.
Figures are CPU seconds of one process, parsing and writing Parquet together; the count is stated apart.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.machine import machine, show

RESULTS = Path(__file__).parent / "results" / "x12.md"
_CLAIMS_A_PAYMENT = 5_000
_SMALL = 1_000_000

_ENVELOPE = """\
ISA*00*          *00*          *ZZ*PAYER          *ZZ*HOSPITAL       *240301*1200*^*00501*000000001*0*P*:~
GS*HP*PAYER*HOSPITAL*20240301*1200*1*X*005010X221A1~
"""
_PAYMENT = """\
BPR*I*{paid:.2f}*C*ACH*CCP*01*888999777*DA*24681012*1935665544**01*111333555*DA*144444*20240301~
TRN*1*{number:010d}*1935665544~
DTM*405*20240229~
N1*PR*HARBOR HEALTH PLAN~
N3*100 MUTUAL PLAZA~
N4*BOSTON*MA*02110~
PER*BL*EDI SUPPORT*TE*8005550100~
N1*PE*RIVERSIDE HOSPITAL*XX*1234567893~
LX*1~
"""
_CLAIM = """\
CLP*A{number:010d}*1*{charge:.2f}*{paid:.2f}*{owed:.2f}*12*{number:014d}*11*1~
NM1*QC*1*FAMILY{family}*GIVEN{given}****MI*M{number:08d}01~
DTM*232*20240110~
DTM*233*20240112~
"""
_LINE = """\
SVC*HC:99{code}*{charge:.2f}*{paid:.2f}**1~
DTM*472*202401{day:02d}~
CAS*CO*45*{reduced:.2f}~
CAS*PR*2*{owed:.2f}~
REF*6R*{number}~
AMT*B6*{allowed:.2f}~
"""


def write_835(path: Path, size: int, claims_a_payment: int = _CLAIMS_A_PAYMENT) -> None:
    """Write an 835 of at least ``size`` bytes: balanced payments of many claims, one to five service lines each."""
    rng = np.random.default_rng(7)
    with path.open("w", encoding="ascii") as out:
        out.write(_ENVELOPE)
        payments = claims = 0
        while out.tell() < size:
            payments += 1
            told = [_claim(claims + n, rng) for n in range(claims_a_payment)]
            claims += claims_a_payment
            body = _PAYMENT.format(paid=sum(paid for _, paid in told) / 100, number=payments)
            body += "".join(text for text, _ in told)
            out.write(f"ST*835*{payments:04d}~\n{body}SE*{body.count('~') + 2}*{payments:04d}~\n")
        out.write(f"GE*{payments}*1~\nIEA*1*000000001~\n")


def _claim(number: int, rng: np.random.Generator) -> tuple[str, int]:
    """Return one claim and the cents it is paid."""
    charges = rng.integers(2_000, 60_000, size=rng.integers(1, 6))
    paid, owed = charges * 6 // 10, charges // 10
    lines = (
        _LINE.format(
            **{"code": 200 + charge % 299, "day": 1 + charge % 28, "number": number},
            **{"charge": charge / 100, "paid": pay / 100, "owed": owe / 100},
            **{"reduced": (charge - pay - owe) / 100, "allowed": (pay + owe) / 100},
        )
        for charge, pay, owe in zip(charges.tolist(), paid.tolist(), owed.tolist(), strict=True)
    )
    names = {"number": number, "family": number % 997, "given": number % 499}
    amounts = {"charge": charges.sum() / 100, "paid": paid.sum() / 100, "owed": owed.sum() / 100}
    return _CLAIM.format(**names, **amounts) + "".join(lines), int(paid.sum())


def measure(path: Path, folder: Path) -> dict[str, float]:
    """Parse ``path`` in this process, warmed up, and return seconds, records and the peak of memory."""
    from orchestration.lake.landing import LandedFile
    from orchestration.lake.raw import RawBatch
    from orchestration.pull.x12 import X12

    reader = X12(kind="x12", time_zone="America/New_York")
    write_835(folder / "warm.835", 1_000, claims_a_payment=10)
    found: dict[str, float] = {}
    for name in (folder / "warm.835", path):
        start = time.process_time()
        found["records"] = reader.count(name)
        found["count"] = time.process_time() - start
        landed = LandedFile("billing", "billing", name.name, name, name.name, "", 0, 0, None)
        start = time.process_time()
        reader.parse([landed], RawBatch(folder, "bench"))
        found["parse"] = time.process_time() - start
    return found | {"peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def measure_pyx12(path: Path) -> float | None:
    """Return bytes a CPU second of pyx12's context reader, claim loop by claim loop; None without pyx12."""
    try:
        from pyx12.error_handler import errh_null
        from pyx12.params import params
        from pyx12.x12context import X12ContextReader
    except ImportError:
        return None
    start = time.process_time()
    with path.open(encoding="ascii") as stream:
        claims = sum(
            loop.id == "2100" for loop in X12ContextReader(params(), errh_null(), stream).iter_segments("2100")
        )
    assert claims, "pyx12 found no claim"
    return path.stat().st_size / (time.process_time() - start)


def report(scratch: Path, megabytes: int) -> str:
    """Measure three sizes, each in a process of its own so that its peak of memory is its own, and pyx12."""
    rows, rate = [], 0.0
    for size in (megabytes // 2, megabytes, 2 * megabytes):
        path = scratch / f"{size}.835"
        write_835(path, size * 1_000_000)
        told = subprocess.run(
            [sys.executable, "-m", "benchmarks.bench_x12", "--one", str(path)],
            capture_output=True,
            text=True,
            check=True,
        )
        found = json.loads(told.stdout)
        rate = path.stat().st_size / 1e6 / found["parse"]
        rows.append(
            f"| {path.stat().st_size / 1e6:.0f} MB | {found['records']:,} | {found['parse']:.2f} | {rate:.1f} "
            f"| {found['count']:.2f} | {found['peak_mb']:.0f} |"
        )
    write_835(scratch / "small.835", _SMALL, claims_a_payment=500)
    peer = measure_pyx12(scratch / "small.835")
    head = [
        "# X12 835 to raw Parquet",
        "",
        machine("numpy", "pyarrow", "pyx12"),
        "",
        "`make bench-x12`: generated payments of 5,000 claims with one to five service lines each, one process.",
        "",
        "| file | records | CPU s, parse and write | MB a CPU s | CPU s, count | peak MB of the process |",
        "|---|---|---|---|---|---|",
    ]
    compared = "pyx12 is not installed: not compared."
    if peer:
        compared = (
            f"pyx12's context reader: {peer / 1e6:.3f} MB a CPU s; this reader: {rate * 1e6 / peer:.0f} times that."
        )
    return "\n".join([*head, *rows, "", compared, ""])


def main() -> None:
    """Measure and print, or write the results."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--megabytes", type=int, default=100)
    arguments.add_argument("--write", action="store_true", help="write benchmarks/results/x12.md")
    arguments.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        if given.one:
            print(json.dumps(measure(given.one, Path(scratch))))
            return
        text = report(Path(scratch), given.megabytes)
    show(text, RESULTS, given.write)


if __name__ == "__main__":
    main()
