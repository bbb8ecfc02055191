"""Every example in tools/examples does what it says, against a real station and a real spacecraft."""

from pathlib import Path

import pytest

from ground.client.procedure import Procedure, procedures_in

EXAMPLES = Path(__file__).parents[2] / "tools" / "examples"
CORPUS = {"corpus": "verses"}

# In the order in which an operator would try them; what one leaves on board, a later one takes up.
CASES = {
    "check_the_link.py": {},
    "train_a_model.py": CORPUS,
    "stop_early.py": CORPUS,
    "pause_and_resume_a_job.py": CORPUS,
    "cancel_a_job.py": CORPUS,
    "send_a_file_up.py": {"local": "notes.txt"},
    "bring_a_file_down.py": {"remote": "notes.txt", "local": "copy.txt"},
    "tidy_up_on_board.py": {},
    "change_a_setting.py": {},
    "schedule_a_command.py": {},
}


def test_every_example_is_tried():
    assert {path.name for path in procedures_in(EXAMPLES)} == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_an_example_does_what_it_says(name, station, tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.getbasetemp()
    monkeypatch.chdir(folder)
    (folder / "notes.txt").write_text("Much is to be noted. " * 100)
    procedure = Procedure.load(EXAMPLES / name)
    lines: list[str] = []
    report = procedure.run(station, procedure.arguments(CASES[name]), lambda line: lines.append(str(line)))
    assert (report.verdict, report.reason) == ("DONE", ""), "\n".join(lines)
    assert report.title == procedure.title
    if name == "bring_a_file_down.py":
        assert (folder / "copy.txt").read_bytes() == (folder / "notes.txt").read_bytes()
