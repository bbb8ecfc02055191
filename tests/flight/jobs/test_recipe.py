"""Recipes: everything stated, everything checked, every refusal by name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccsds.errors import MisuseError
from flight.jobs.recipe import load_any_recipe, load_recipe, recipe_names
from flight.jobs.settings import RECIPE_TEXT_OCTETS_MAX


def test_the_recipes_on_board_are_known_by_name():
    assert recipe_names() == ("nanogpt", "nanogpt-gpu", "package", "swift", "swift-ngram", "tiny")
    for name in recipe_names():
        assert load_any_recipe(name).name == name
    with pytest.raises(MisuseError, match="recipe 'package': kind: expected train, found package"):
        load_recipe("package")


def test_nanogpt_is_its_authors_recipe_for_a_cpu():
    recipe = load_recipe("nanogpt")
    model, training = recipe.model, recipe.training
    assert (model.layers, model.heads, model.width, model.context, model.dropout) == (4, 4, 128, 64, 0.0)
    assert (training.steps, training.batch, training.warmup_steps) == (2000, 12, 100)
    assert (training.learning_rate, training.learning_rate_min) == (1e-3, 1e-4)
    assert (training.beta1, training.beta2, training.weight_decay) == (0.9, 0.99, 0.1)
    assert training.gradient_norm_max == 1.0


@pytest.mark.parametrize("name", ["nanogpt", "tiny"])
def test_a_recipe_is_read_back_as_it_was_written(name):
    recipe = load_recipe(name)
    assert load_recipe(recipe.to_toml()) == recipe


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40), st.floats(0.01, 10.0))
def test_any_prompt_and_temperature_survive_writing(prompt, temperature):
    from dataclasses import replace

    recipe = load_recipe("tiny")
    recipe = replace(recipe, sample=replace(recipe.sample, prompt=prompt, temperature=temperature))
    assert load_recipe(recipe.to_toml()) == recipe


def test_an_override_changes_its_setting_and_nothing_else():
    recipe = load_recipe("nanogpt")
    changed = recipe.override("training.steps = 100\n[model]\nlayers = 2")
    assert (changed.training.steps, changed.model.layers) == (100, 2)
    assert changed.override("training.steps = 2000\nmodel.layers = 4") == recipe
    assert recipe.override("") == recipe


def test_a_whole_number_does_for_a_number():
    assert load_recipe("tiny").override("training.learning_rate = 1").training.learning_rate == 1.0


def test_the_digest_tells_recipes_apart():
    recipe = load_recipe("tiny")
    assert recipe.digest == load_recipe(recipe.to_toml()).digest
    assert recipe.digest != recipe.override("training.warmup_steps = 6").digest
    assert len(bytes.fromhex(recipe.digest)) == 32


def test_an_unknown_key_is_refused_with_its_name_its_place_and_what_is_known():
    with pytest.raises(MisuseError) as refusal:
        load_recipe("tiny").override("training.stepz = 100")
    message = str(refusal.value)
    assert message.startswith("overrides of recipe 'tiny': unknown key training.stepz: expected one of training.steps,")
    assert message.endswith("did you mean training.steps?")


def test_an_unknown_table_is_refused():
    with pytest.raises(MisuseError, match=r"unknown key modle: expected one of .*did you mean model\?"):
        load_recipe("tiny").override("[modle]\nlayers = 1")


def test_an_unknown_recipe_is_refused_with_those_there_are():
    expected = "unknown recipe 'nanogtp': expected one of nanogpt, nanogpt-gpu, package, swift, swift-ng"
    with pytest.raises(MisuseError, match=expected):
        load_recipe("nanogtp")


def test_a_missing_key_is_refused_with_its_name():
    text = "".join(line for line in load_recipe("tiny").to_toml().splitlines(True) if not line.startswith("batch"))
    with pytest.raises(MisuseError, match=r"recipe: missing training\.batch"):
        load_recipe(text)


@pytest.mark.parametrize(
    ("override", "complaint"),
    [
        ("training.steps = 0", r"training\.steps: expected 1 to 10000000, found 0"),
        ("training.steps = 1.5", r"training\.steps: expected a whole number, found 1\.5"),
        ("training.steps = true", r"training\.steps: expected a whole number, found True"),
        ("training.steps = '100'", r"training\.steps: expected a whole number, found '100'"),
        ("training.learning_rate = nan", r"training\.learning_rate: expected 1e-09 to 10\.0, found nan"),
        ("training.learning_rate = true", r"training\.learning_rate: expected a number, found True"),
        ("training.learning_rate_min = 1.0", r"training\.learning_rate_min: expected 0\.0 to 0\.005, found 1\.0"),
        ("training.beta2 = 1.0", r"training\.beta2: expected 0\.0 to 0\.9999, found 1\.0"),
        ("model.dropout = 1.0", r"model\.dropout: expected 0\.0 to 0\.9, found 1\.0"),
        ("model.heads = 3", r"model\.width: expected a multiple of model\.heads = 3, found 32"),
        ("model = 3", r"model: expected a table of settings, found 3"),
        ("sample.prompt = 3", r"sample\.prompt: expected a text, found 3"),
        ("sample.length_characters = 501", r"sample\.length_characters: expected 1 to 500, found 501"),
        ("execution.threads = 0", r"execution\.threads: expected 1 to 256, found 0"),
        ("name = 'other'", "name cannot be changed"),
        ("kind = 'generate'", "kind cannot be changed"),
        ("training.steps", "expected TOML such as 'training.steps = 100': "),
    ],
)
def test_a_wrong_override_is_refused_with_what_was_expected(override, complaint):
    with pytest.raises(MisuseError, match=complaint) as refusal:
        load_recipe("tiny").override(override)
    assert str(refusal.value).startswith("overrides of recipe 'tiny': ")


def test_another_kind_of_job_is_refused():
    text = load_recipe("tiny").to_toml().replace('kind = "train"', 'kind = "bake"')
    with pytest.raises(MisuseError, match="kind: expected train, found 'bake'"):
        load_recipe(text)


def test_a_text_of_any_length_is_not_even_parsed():
    with pytest.raises(MisuseError, match=f"expected at most {RECIPE_TEXT_OCTETS_MAX} octets"):
        load_recipe("a = 1\n" * RECIPE_TEXT_OCTETS_MAX)
