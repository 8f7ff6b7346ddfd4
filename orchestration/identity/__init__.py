"""Who is one person, provably: the public face of identity resolution."""

from orchestration.identity.config import Rules, RulesError, load_rules
from orchestration.identity.decisions import Decision, DecisionError, read_decisions, write_decisions
from orchestration.identity.increment import Placement, place
from orchestration.identity.records import RecordsError
from orchestration.identity.resolve import IdentityReport, resolve, train
from orchestration.identity.state import advance

__all__ = [
    "Decision",
    "DecisionError",
    "IdentityReport",
    "Placement",
    "RecordsError",
    "Rules",
    "RulesError",
    "advance",
    "load_rules",
    "place",
    "read_decisions",
    "resolve",
    "train",
    "write_decisions",
]
