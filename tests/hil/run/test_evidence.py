"""What was seen in a run: the report of a job that counts."""

from hil.run.evidence import Evidence


def test_the_report_of_a_job_is_the_latest_on_board_whatever_is_played_back_after_it(tmp_path):
    evidence = Evidence(tmp_path / "events.jsonl")
    for state, tai_ns, stored in (("FAILED", 10, None), ("RUNNING", 20, None), ("FAILED", 10, {"store": 1})):
        values = {"job_id": 7, "state": state, "step": 1, "loss": None, "validation_loss": None}
        event = {"type": "ReportReceived", "name": "job_report", "values": values, "tai_ns": tai_ns}
        evidence.note("station", {**event, "stored": stored, "time_ns": 0})
    evidence.close()
    assert evidence.job_reports[7]["state"] == "RUNNING"
