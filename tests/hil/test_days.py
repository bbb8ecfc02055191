"""A day on its own: each activity that is due acts once, whatever else goes on."""

from tools.bench.days import Days


def test_in_days_with_four_contacts_each_scheduled_command_acts_once(tmp_path):
    mission = Days(2, 300, 24, tmp_path)
    mission.run()
    assert mission.faults() == []
    assert mission.answers["executed"] >= 299
