"""The shipped day at 325 km up to its first reply, with a smaller model and a shorter text."""

from importlib import resources

from hil.run.corpora import find_corpora
from hil.run.run import prepare_folder
from hil.scenario.scenario import parse_scenario
from hil.world import World


def test_a_model_answers_in_a_pass_while_another_is_trained_beside_it(tmp_path):
    text = resources.files("hil").joinpath("scenarios/starcloud.toml").read_text()
    corpus = tmp_path / "verses.txt"
    corpus.write_text("".join(f"line {number}: {number * 7919 % 1009}\n" for number in range(5_000)))
    small = text.replace('recipe = "nanogpt"', 'recipe = "tiny"').replace(
        'corpus = "shakespeare"', f'corpus = "{corpus}"'
    )
    scenario = parse_scenario(small, "starcloud")
    folder = tmp_path / "run"
    prepare_folder(folder, force=False)
    ends = []

    def watch(source, event):
        if (source, event.get("name")) == ("spacecraft", "reply_end"):
            ends.append(event["values"]["end"])

    world = World(scenario, 1, folder, find_corpora(scenario), watch)
    try:
        world.begin()
        world.go_on(is_enough=lambda: bool(ends) or bool(world.procedure.failures))
        assert (ends, world.procedure.failures) == (["LENGTH"], [])
        assert world.evidence.job_states[1][-1][1] == "RUNNING"
        assert world.evidence.contacts[-1][1] is None
        assert 0 < world.evidence.losses[1][-1][1] < 1_000
    finally:
        world.close()
