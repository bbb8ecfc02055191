"""Change a setting on board, read it back, and give it its default again."""


def run(sc, name: str = "job_progress_period", value: int = 250):
    with sc.step(f"Set {name} to {value}"):
        sc.parameter.set(values={name: value})
        told = sc.report(lambda: sc.parameter.report(parameters=[name]), "parameter_values")
        sc.check(told["values"] == {name: value}, f"it is {value} on board")
    with sc.step("Give it its default again"):
        sc.parameter.reset(parameters=[name])
