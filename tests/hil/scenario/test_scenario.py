"""Scenarios: the shipped ones are right, and a wrong one gets one line with the key and what was expected."""

import pytest
from click.testing import CliRunner

from ccsds.errors import MisuseError
from hil.__main__ import main
from hil.run.corpora import find_corpora
from hil.run.run import prepare_folder
from hil.scenario.procedure import STEP_KINDS
from hil.scenario.scenario import load_scenario, parse_scenario, shipped_scenarios

GOOD = 'name = "x"\nprocedure = [{ command = "test.connection" }]\n'


@pytest.mark.parametrize("name", shipped_scenarios())
def test_a_shipped_scenario_is_right_and_says_what_it_is(name):
    assert load_scenario(name).title


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name 3", "expected TOML"),
        (GOOD + "bogus = 1", "unknown key bogus: expected one of name, title"),
        (GOOD + "[link.up]\ndelay = 1", "unknown key link.up.delay: expected one of delay_s, bit_error_rate"),
        (GOOD + "[link.up]\ndelay_s = -1", "link.up.delay_s: expected `float` >= 0"),
        (GOOD + "[link.up]\nbit_error_rate = 1.0", "link.up.bit_error_rate: expected `float` < 1"),
        (GOOD + '[link]\nprofile = "kband"', "unknown link profile 'kband': expected one of"),
        (GOOD + '[[faults]]\nkind = "meteor"\njob_step = 1', "faults[0].kind: invalid enum value 'meteor'"),
        (GOOD + '[[link.dropouts]]\ndirection = "up"\nduration_s = 1', "expected either `at_s` or `before`"),
        (
            GOOD + '[[link.dropouts]]\ndirection = "up"\nduration_s = 1\nbefore = "lunch"',
            "link.dropouts[0].before: expected the label of a step (test.connection), found 'lunch'",
        ),
        (
            GOOD + '[[link.dropouts]]\ndirection = "up"\nduration_s = 1\nat_s = 9e6',
            "link.dropouts[0].at_s: expected at most duration_s = 3600",
        ),
        (GOOD + "[expect]\nsample = true", "expect: a job is expected, but no step of the procedure submits one"),
        (
            'name = "x"\nprocedure = [{ wait_s = 1, command = "test.connection" }]',
            f"procedure[0]: expected one of {', '.join(STEP_KINDS)}, found command and wait_s",
        ),
        (
            GOOD + '[[faults]]\nkind = "flip"\njob_step = 1\npart = "brain"',
            "faults[0].part: invalid enum value 'brain'",
        ),
        (GOOD + "[[link.passes]]\nat_s = 0", "missing required field `duration_s`"),
        (
            GOOD + "[[link.passes]]\nat_s = 0\nduration_s = 9\ncount = 2",
            "link.passes[0]: expected both `every_s` and `count`, or neither",
        ),
        (
            GOOD + "[[link.passes]]\nat_s = 0\nduration_s = 9\ncount = 2\nevery_s = 9",
            "link.passes[0].every_s: expected above duration_s = 9, found 9",
        ),
        (GOOD + "[link.up]\nframe_loss = 1.5", "link.up.frame_loss: expected `float` < 1"),
        (GOOD + "[link.up]\nframe_loss_burst = 0.5", "link.up.frame_loss_burst: expected `float` >= 1"),
        ('name = "x"', "missing required field `procedure`"),
        (
            'name = "x"\nprocedure = [{}]',
            f"procedure[0]: expected one of {', '.join(STEP_KINDS)}, found",
        ),
        ('name = "x"\nprocedure = [{ command = "fly" }]', "procedure[0]: unknown command 'fly'"),
        (
            'name = "x"\nprocedure = [{ command = "job.cancel", arguments = { job_id = 0 } }]',
            "procedure[0]: job_id: expected 1 or more, found 0",
        ),
    ],
)
def test_a_wrong_scenario_gets_one_line_with_the_key_and_what_was_expected(text, message):
    with pytest.raises(MisuseError) as caught:
        parse_scenario(text, "x.toml")
    assert str(caught.value).startswith("scenario x.toml: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "nowhere", "--out", "o"], "unknown scenario 'nowhere': expected the path of a .toml file or one of"),
        (["run", "nowhere.toml", "--out", "o"], "scenario nowhere.toml: expected a readable file"),
        (["run", "bad.toml", "--out", "o"], "scenario bad.toml: unknown key bogus"),
        (["run", "lost.toml", "--out", "o"], "unknown corpus 'atlantis'"),
        (["run", "first_light", "--seed", "-1", "--out", "o"], "-1"),
        (["run", "first_light", "--out", "bad.toml"], "expected a directory, found a file"),
        (["run", "first_light", "--out", "full"], "--force overwrites an earlier run"),
        (["run", "first_light", "--out", "full", "--force"], "found 'thesis.txt'; nothing was removed"),
    ],
)
def test_bad_input_ends_with_status_2_and_leaves_nothing_half_done(tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.toml").write_text(GOOD + "bogus = 1")
    (tmp_path / "lost.toml").write_text(GOOD + '[spacecraft]\ncorpora = ["atlantis"]')
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("years of work")
    before = sorted(tmp_path.rglob("*"))
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert message in result.output
    assert sorted(tmp_path.rglob("*")) == before


def test_an_earlier_run_is_removed_only_when_told_so(tmp_path):
    folder = tmp_path / "run"
    prepare_folder(folder, force=False)
    (folder / "result.json").write_text("{}")
    (folder / "store").mkdir()
    with pytest.raises(MisuseError, match="--force"):
        prepare_folder(folder, force=False)
    prepare_folder(folder, force=True)
    assert list(folder.iterdir()) == []


def test_a_job_on_a_text_that_is_not_on_board_is_refused_before_anything_starts(tmp_path):
    (tmp_path / "poem.txt").write_text("to be or not to be\n" * 50)
    text = f"""
        name = "x"
        [spacecraft]
        corpora = ["{tmp_path}/poem.txt"]
        [[procedure]]
        command = "job.submit"
        arguments = {{ job_id = 1, recipe = "tiny", corpus = "CORPUS" }}
    """
    assert list(find_corpora(parse_scenario(text.replace("CORPUS", "poem"), "x"))) == ["poem"]
    with pytest.raises(MisuseError, match=r"unknown corpus 'prose': expected one on board \(poem\)"):
        find_corpora(parse_scenario(text.replace("CORPUS", "prose"), "x"))
