"""Which test shows which requirement, and what came of it: the trace that a review asks for."""

import json
from enum import Enum


class Standing(Enum):
    """Whether a requirement is met, as far as tests tell."""

    VERIFIED = "verified"
    """Every test of it passed."""
    FAILED = "failed"
    """One of its tests failed."""
    OPEN = "open"
    """A test of it was skipped or did not run, and none failed."""


# What a test came to, the worst last: of its set-up, its call and its end the worst counts.
OUTCOMES = ("not run", "passed", "skipped", "failed")


class Trace:
    """The trace of one test run."""

    def __init__(self) -> None:
        self.requirements: dict[str, dict[str, str]] = {}
        """For each requirement, what each of its tests came to, by the test's name."""

    def expect(self, requirement: str, test: str) -> None:
        """Take note that a test shows a requirement."""
        self.requirements.setdefault(requirement, {}).setdefault(test, OUTCOMES[0])

    def note(self, requirement: str, test: str, outcome: str) -> None:
        """Take note of what a test, or a part of it, came to."""
        self.expect(requirement, test)
        tests = self.requirements[requirement]
        tests[test] = max(tests[test], outcome, key=OUTCOMES.index)

    def standing(self, requirement: str) -> Standing:
        """Tell whether a requirement is met."""
        outcomes = set(self.requirements[requirement].values())
        if "failed" in outcomes:
            return Standing.FAILED
        return Standing.VERIFIED if outcomes == {"passed"} else Standing.OPEN

    def lines(self) -> list[str]:
        """Give it as a table for a terminal."""
        width = max(map(len, self.requirements), default=0)
        lines = []
        for name in sorted(self.requirements):
            tests = self.requirements[name]
            told = ", ".join(f"{test} ({outcome})" for test, outcome in tests.items())
            lines.append(f"{name:{width}}  {self.standing(name).value:8}  {told}")
        return lines

    def to_json(self) -> str:
        """Give it for programs."""
        rows = [
            {"requirement": name, "standing": self.standing(name).value, "tests": self.requirements[name]}
            for name in sorted(self.requirements)
        ]
        return json.dumps({"requirements": rows}, indent=2) + "\n"

    def to_markdown(self) -> str:
        """Give it for a document."""
        lines = ["| requirement | standing | test | outcome |", "|---|---|---|---|"]
        for name in sorted(self.requirements):
            for test, outcome in self.requirements[name].items():
                lines.append(f"| {name} | {self.standing(name).value} | `{test}` | {outcome} |")
        return "\n".join(lines) + "\n"
