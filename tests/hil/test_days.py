"""A day on its own: each activity that is due acts once, whatever else goes on."""

from tools.bench.days import Days


def test_in_a_day_with_four_contacts_each_scheduled_command_acts_once(tmp_path):
    mission = Days(1, 300, 24, tmp_path)
    mission.run()
    assert mission.commands_open == 0
    assert mission.answers == {"executed": 300}
