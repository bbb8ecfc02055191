"""The verdict: each check holds on good evidence, and is the one that fails when its evidence is spoiled."""

import pytest

from hil.run.checks import Reference, judge
from hil.run.evidence import Evidence
from hil.scenario.scenario import load_scenario

SCENARIO = load_scenario("first_light")
CORPUS = next(iter(SCENARIO.expect.validation_loss_below))
REFERENCE = Reference(
    weights_sha256="ab" * 32, validation_loss=1.9, bigram_loss=2.4, corpus_sha256=CORPUS, tokens_per_s=1.0
)


@pytest.fixture
def evidence(tmp_path):
    evidence = Evidence(tmp_path / "events.jsonl")
    evidence.close()
    stages = [(1.0, "COMPLETED", "")]
    command = {"name": "job.submit", "sequence_count": 0, "is_automatic": False, "stages": stages, "tries": 2}
    evidence.commands = {1: command}
    evidence.executed[9, 0] = 1
    evidence.job_reports[1] = {
        "state": "DONE", "failure": "", "weights_sha256": "ab" * 32, "validation_loss": 1.9, "corpus_sha256": CORPUS,
        "worker_restarts": 1,
    }  # fmt: skip
    evidence.samples[1] = "to be"
    evidence.counts["event.command_repeated"] = 1
    evidence.counts["link.up.OctetsLost"] = evidence.counts["link.down.OctetsLost"] = 1
    return evidence


def failed(evidence, *, failures=(), is_done=True, reference=REFERENCE):
    checks = judge(SCENARIO, evidence, list(failures), is_done, reference)
    return [check.name for check in checks if not check.ok]


def test_good_evidence_passes(evidence):
    assert failed(evidence) == []


def test_a_procedure_that_does_not_end_or_a_command_that_fails_is_seen(evidence):
    assert failed(evidence, is_done=False) == ["the procedure came to its end"]
    assert failed(evidence, failures=["job.submit LOST: no answer"]) == ["every command completed"]


SPOILT = {
    "every command completed": lambda evidence: evidence.commands[1]["stages"].append((2.0, "LOST", "")),
    "no command acted twice": lambda evidence: evidence.executed.update({(9, 0): 1}),
    "the job is done": lambda evidence: evidence.job_reports[1].update(state="RUNNING"),
    "the weights are bit for bit those of the undisturbed run": lambda evidence: evidence.job_reports[1].update(
        weights_sha256="ab" * 31 + "ac"
    ),
    "the worker was lost, and replaced": lambda evidence: evidence.job_reports[1].update(worker_restarts=0),
    "the sample text arrived": lambda evidence: evidence.samples.clear(),
    "commands cut by the link were sent again": lambda evidence: evidence.commands[1].update(tries=1),
    "reports cut by the link came from the journal": lambda evidence: evidence.counts.update(
        {"event.command_repeated": -1}
    ),
    "dropouts struck the uplink": lambda evidence: evidence.counts.update({"link.up.OctetsLost": -1}),
    "dropouts struck the downlink": lambda evidence: evidence.counts.update({"link.down.OctetsLost": -1}),
}


@pytest.mark.parametrize("name", SPOILT)
def test_spoilt_evidence_fails_its_check_and_no_other(evidence, name):
    SPOILT[name](evidence)
    assert failed(evidence) == [name]


@pytest.mark.parametrize(("loss", "count"), [(2.14, 0), (2.16, 1), (2.3, 2), (None, 2)])
def test_a_loss_that_is_too_high_or_missing_is_seen(evidence, loss, count):
    evidence.job_reports[1]["validation_loss"] = loss
    assert len(failed(evidence)) == count


@pytest.mark.parametrize("latest", ["DONE", "RUNNING"])
def test_the_latest_report_of_a_job_is_not_replaced_by_an_older_one_that_is_played_back(tmp_path, latest):
    evidence = Evidence(tmp_path / "log.jsonl")
    heard = [(1, "STARTING", None), (2, "FAILED", None), (4, latest, None), (2, "FAILED", {"store": 1, "sequence": 9})]
    for seconds, (tai_s, state, stored) in enumerate(heard, start=1):
        values = {"job_id": 1, "state": state, "step": tai_s, "loss": None, "validation_loss": None}
        event = {"type": "ReportReceived", "name": "job_report", "time_ns": seconds * 10**9, "values": values}
        evidence.note("station", {**event, "tai_ns": tai_s * 10**9, "stored": stored})
    evidence.close()
    assert (evidence.job_reports[1]["state"], evidence.job_reports[1]["step"]) == (latest, 4)
