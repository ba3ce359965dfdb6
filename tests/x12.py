"""X12 documents put together by hand, as partners write them; every name and number in them is made up."""

from __future__ import annotations

TRACE = "HEAL000000007"
CONTROL = 7


def isa(control: int = 1, *, element: str = "*", terminator: str = "~", component: str = ":") -> str:
    parts = ["ISA", "00", " " * 10, "00", " " * 10, "ZZ", f"{'PARTNER':15}", "ZZ", f"{'HEALTEST':15}"]
    parts += ["260303", "1500", "^", "00501", f"{control:09}", "0", "T", component]
    return element.join(parts) + terminator


def interchange(*segments: str, element: str = "*", terminator: str = "~", component: str = ":") -> str:
    inside = [segment.replace("*", element) for segment in (*segments, f"IEA*1*{1:09}")]
    header = isa(element=element, terminator=terminator, component=component)
    return header + "".join(one + terminator for one in inside)


def group(kind: str, *segments: str) -> tuple[str, ...]:
    """A group of one transaction with its trailers."""
    body = (*segments, f"SE*{len(segments) + 1}*0001")
    return (f"GS*{kind}*PARTNER*HEALTEST*20260303*1500*1*X*005010X279A1", *body, "GE*1*1")


def an_answer(*segments: str, trace: str = TRACE, **marks: str) -> str:
    """A 271 for one member; further segments follow the member's name."""
    body = (
        "ST*271*0001*005010X279A1",
        f"BHT*0022*11*{trace}*20260303*1500",
        "HL*1**20*1",
        "NM1*PR*2*TEST VISION PLAN*****PI*TVP01",
        "HL*2*1*21*1",
        "NM1*1P*2*TEST OPTICAL*****XX*1999999984",
        "HL*3*2*22*0",
        f"TRN*2*{trace}*9HEALPROBE",
        "NM1*IL*1*TESTMEMBER*SYNTHETIC****MI*TEST000001",
        *segments,
    )
    return interchange(*group("HB", *body), **marks)


def an_acknowledgment(verdict: str = "R", note: str = "025", about: int = CONTROL) -> str:
    return interchange(f"TA1*{about:09}*260303*1500*{verdict}*{note}")


def a_check(verdict: str = "R", about: int = CONTROL) -> str:
    """A 999 about our group."""
    body = (
        "ST*999*0001*005010X231A1",
        f"AK1*HS*{about}*005010X279A1",
        f"AK2*270*{about:09}*005010X279A1",
        "IK3*NM1*8*2100*8",
        "IK4*3*1035*1*TESTMEMBER",
        f"IK5*{verdict}*5",
        f"AK9*{verdict}*1*1*0",
    )
    return interchange(*group("FA", *body))
