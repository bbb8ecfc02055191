"""``ground``: the operator's program. ``ground serve`` owns the link and the archive; the other commands talk to it.

Exit status: 0 done, 1 the command failed or was lost or the station went away, 2 bad input or no station.
"""

import click

from ground.cli import (
    alarms,
    archive,
    autonomy,
    commands,
    cop1,
    doctor,
    files,
    inference,
    keys,
    login,
    models,
    package,
    procedures,
    schedule,
    stack,
    station,
    time,
    users,
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Operate a spacecraft: serve its link, send commands, move files, watch telemetry."""


for command in (
    station.serve,
    station.watch,
    station.link,
    station.stores,
    commands.send,
    commands.arm,
    stack.stack,
    commands.commands,
    commands.jobs,
    archive.archive,
    archive.replay,
    alarms.alarms,
    schedule.schedule,
    autonomy.monitor,
    autonomy.react,
    files.put,
    files.get,
    files.ls,
    files.rm,
    files.mkdir,
    files.mv,
    files.transfers,
    files.transfer,
    cop1.cop1,
    keys.keys,
    procedures.run_procedure,
    models.pack,
    models.unpack,
    models.plan_transfer_command,
    inference.chat,
    inference.conversations,
    inference.model,
    time.time,
    doctor.doctor,
    doctor.completion,
    users.users,
    login.login,
    login.logout,
    package.package,
):
    main.add_command(command)


if __name__ == "__main__":
    main(prog_name="ground")
