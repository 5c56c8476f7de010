"""Organisations, who belongs to whom, and which of them a scope may see by name."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from dashboard.access.scope import Scope
from dashboard.queries.source import reader, remembered
from dashboard.view import Organisation
from etl import london

# nearest first
KINDS = ("practice", "pcn", "sub_icb", "icb", "region", "england")
# Totals above a practice or PCN that a narrower scope may see. Not its PCN's, which with two members gives the
# neighbour's figure away; nor those of sub-ICB locations: the ICB's less all others of them is one's own location's,
# however few practices of it have sent anything that month.
SHARED_KINDS = ("icb", "region", "england")
FEWEST_PEERS = 8  # fewer other practices than this could be told apart, in a total as in a distribution


class NoSuchOrganisation(LookupError):
    """There is no such organisation, or it is not this scope's to see: the two are told apart nowhere."""


@dataclass(frozen=True)
class Directory:
    """All organisations of a generation, by code, and the present membership of each."""

    organisations: dict[str, Organisation]
    icb_codes: tuple[str, ...]

    @cached_property
    def children(self) -> dict[str, tuple[Organisation, ...]]:
        """Everything below each organisation, at any depth, by name."""
        below: dict[str, list[Organisation]] = {}
        for organisation in sorted(self.organisations.values(), key=lambda each: (each.name, each.code)):
            for parent in organisation.parents:
                below.setdefault(parent, []).append(organisation)
        return {code: tuple(each) for code, each in below.items()}

    def below(self, code: str, kind: str) -> list[Organisation]:
        """Open organisations of `kind` that belong to `code` today; below England, those of this ICB."""
        if code == "ENG":
            return [
                each
                for each in sorted(self.organisations.values(), key=lambda each: (each.name, each.code))
                if each.kind == kind and each.is_own and each.closed is None
            ]
        return [each for each in self.children.get(code, ()) if each.kind == kind and each.closed is None]


@remembered
def directory() -> Directory:
    """Read once a generation. Closed organisations are kept: their past is still theirs."""
    rows = reader().records(
        "SELECT code, kind, name, postcode, patients, patients_on, closed, is_own FROM organisation "
        "ORDER BY is_own DESC, code"
    )
    links = reader().records(
        "SELECT child, parent, parent_kind FROM membership WHERE (to_date IS NULL OR to_date >= :today) "
        "AND (from_date IS NULL OR from_date <= :today) ORDER BY from_date",
        today=london.today(),
    )
    generation = reader().records("SELECT icb_codes FROM generation")
    codes = tuple(code.strip() for row in generation for code in (row["icb_codes"] or "").split(",") if code.strip())
    direct: dict[str, list[str]] = {}
    for link in links:
        direct.setdefault(link["child"], []).append(link["parent"])
    kinds = {row["code"]: row["kind"] for row in rows}
    return Directory({row["code"]: _organisation(row, _ancestors(row["code"], direct, kinds)) for row in rows}, codes)


def _organisation(row: dict[str, Any], parents: tuple[str, ...]) -> Organisation:
    closed = row["closed"] if row["closed"] is not None and row["closed"] <= london.today() else None
    return Organisation(
        row["code"],
        row["kind"],
        row["name"] or row["code"],
        row["postcode"],
        row["patients"],
        row["patients_on"],
        closed,
        bool(row["is_own"]),
        parents,
    )


def _ancestors(code: str, direct: dict[str, list[str]], kinds: dict[str, str]) -> tuple[str, ...]:
    """Every organisation above `code`, nearest kind first."""
    found: dict[str, None] = {}
    ahead = list(direct.get(code, ()))
    while ahead:
        parent = ahead.pop(0)
        if parent not in found and parent != code:
            found[parent] = None
            ahead.extend(direct.get(parent, ()))
    return tuple(sorted(found, key=lambda each: KINDS.index(kinds[each]) if kinds.get(each) in KINDS else len(KINDS)))


def may_see(scope: Scope, organisation: Organisation) -> bool:
    """Whether figures of this organisation may be shown by its name."""
    if scope.kind == "icb" or organisation.code == scope.code or organisation.kind == "england":
        return True
    if scope.kind == "pcn" and organisation.kind == "practice":
        return scope.code in organisation.parents
    return organisation.kind in SHARED_KINDS and _hides_its_members(scope, organisation)


def _hides_its_members(scope: Scope, total: Organisation) -> bool:
    """Whether a total still has enough other practices in it when the scope takes its own away."""
    own = _own_practices(scope)
    others = [each for each in directory().below(total.code, "practice") if each.code not in own]
    # a total above organisations that are not listed one by one (another ICB) gives nobody away
    return not others or len(others) >= FEWEST_PEERS


def values_of(organisation: Organisation) -> str:
    """The table to read one organisation's months from, or those of the organisations below it."""
    return "own_value" if organisation.is_own or organisation.kind == "england" else "measure_value"


def is_above(scope: Scope, organisation: Organisation) -> bool:
    """Whether this is a total in which a narrower scope's own practices are some among others."""
    return scope.kind != "icb" and organisation.kind in SHARED_KINDS


def fewest_in_total(scope: Scope) -> int:
    """How many practices a total above a narrower scope must count in a period to be shown to it; 0: any."""
    return 0 if scope.kind == "icb" else FEWEST_PEERS + len(_own_practices(scope))


def _own_practices(scope: Scope) -> set[str]:
    if scope.kind == "practice":
        return {str(scope.code)}
    return {each.code for each in directory().below(str(scope.code), "practice")}


def find(scope: Scope, code: str) -> Organisation:
    """The organisation of this code. Raises NoSuchOrganisation, the same for unknown and for out of scope."""
    organisation = directory().organisations.get(code.strip().upper())
    if organisation is None or not may_see(scope, organisation):
        raise NoSuchOrganisation("There is no such organisation here.")
    return organisation


def permit(scope: Scope, codes: Iterable[str]) -> list[str]:
    """These codes, if the scope may see every one of them by name. Raises NoSuchOrganisation otherwise."""
    return [find(scope, code).code for code in codes]


def home(scope: Scope) -> Organisation:
    """Where a scope starts: its own practice or PCN, or the ICB (the first, after a merger)."""
    if scope.code is not None:
        return find(scope, scope.code)
    known = directory()
    own = [each for each in known.organisations.values() if each.kind == "icb" and each.is_own]
    named = [known.organisations[code] for code in known.icb_codes if code in known.organisations]
    for organisation in [*named, *own, *known.organisations.values()]:
        return organisation
    raise NoSuchOrganisation("No organisations have been loaded yet.")


def path(scope: Scope, organisation: Organisation) -> list[Organisation]:
    """From the ICB down to this organisation, those the scope may see."""
    permit(scope, [organisation.code])
    known = directory().organisations
    above = [known[code] for code in reversed(organisation.parents) if code in known]
    return [each for each in above if each.kind in ("icb", "sub_icb", "pcn") and may_see(scope, each)] + [organisation]


def choices(scope: Scope) -> list[Organisation]:
    """What the organisation filter offers: open organisations of this ICB and England, widest kind first."""
    offered = [
        each
        for each in directory().organisations.values()
        if (each.is_own or each.kind == "england") and each.closed is None and may_see(scope, each)
    ]
    return sorted(offered, key=lambda each: (-KINDS.index(each.kind), each.name, each.code))
