"""A Hugging Face directory, Gemma 3 in small: loaded as a real checkpoint is, it writes what it would bare."""

import shutil

import pytest
import torch

transformers = pytest.importorskip("transformers", reason="the extra llm")
tokenizers = pytest.importorskip("tokenizers", reason="the extra llm")

from ccsds.errors import MalformedError, MisuseError  # noqa: E402 - after the extras are known to be there
from flight.disk import RealDisk  # noqa: E402
from flight.inference.language_model import REPLY_TOKENS_MIN, load_language_model  # noqa: E402
from flight.inference.messages import Begin, Sampling  # noqa: E402
from flight.inference.model_files import look_at  # noqa: E402
from flight.inference.reply import Reply  # noqa: E402
from mission.failures import FailureCode  # noqa: E402

from .conftest import Table  # noqa: E402

CONTEXT = 128
SPECIAL = ["<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>"]
TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}<start_of_turn>"
    "{{ 'model' if message['role'] == 'assistant' else message['role'] }}\n{{ message['content'] | trim }}"
    "<end_of_turn>\n{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
WORDS = "Wie schön ist die Erde von oben, sagte der Satellit; und die Sonne geht sechzehnmal am Tag auf. 🛰 👩‍🚀 €"


@pytest.fixture(scope="session")
def gemma(tmp_path_factory):
    """The directory of a Gemma 3 of a few thousand weights, all random, and a tokenizer trained here."""
    torch.set_num_threads(1)
    torch.manual_seed(5)
    directory = tmp_path_factory.mktemp("gemma") / "tiny"
    bpe = tokenizers.Tokenizer(tokenizers.models.BPE())
    bpe.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = tokenizers.decoders.ByteLevel()
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=400, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False
    )
    bpe.train_from_iterator([WORDS] * 8, trainer)
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=bpe, pad_token="<pad>", eos_token="<eos>", bos_token="<bos>", unk_token="<unk>"
    )
    tokenizer.chat_template = TEMPLATE
    config = transformers.Gemma3TextConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=3,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
        sliding_window=16,
        max_position_embeddings=CONTEXT,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=[tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids("<end_of_turn>")],
        pad_token_id=tokenizer.pad_token_id,
    )
    model = transformers.Gemma3ForCausalLM(config)
    model.save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return directory


@pytest.fixture
def disk(tmp_path, gemma):
    disk = RealDisk(tmp_path / "store")
    shutil.copytree(gemma, disk.root / "files" / "gemma")
    return disk


@pytest.fixture
def loaded(disk):
    return load_language_model(disk, "files/gemma")


def begin(text="Hallo, Satellit!", turns=(), tokens=24, telemetry="", **sampling):
    chosen = Sampling(**{"temperature": 0.0, **sampling})
    return Begin(turns=turns, telemetry=telemetry, text=text, tokens_max=tokens, octets_max=4096, sampling=chosen)


def direct(gemma, messages, tokens):
    """What the library makes of it with nothing of ours."""
    model = transformers.AutoModelForCausalLM.from_pretrained(gemma)
    tokenizer = transformers.AutoTokenizer.from_pretrained(gemma)
    inputs = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    with torch.no_grad():
        output = model.generate(**inputs, max_new_tokens=tokens, do_sample=False)
    return tokenizer.decode(output[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)


def test_the_likeliest_words_are_those_of_generate(gemma, loaded):
    said = [{"role": "user", "content": "Hallo, Satellit!"}]
    assert Reply(loaded, begin()).write(99) == direct(gemma, said, 24)


def test_what_was_said_goes_through_the_template(gemma, loaded):
    said = [
        {"role": "user", "content": "Wo bist du?"},
        {"role": "assistant", "content": "oben"},
        {"role": "user", "content": "Und die Sonne?"},
    ]
    reply = Reply(loaded, begin("Und die Sonne?", turns=(("Wo bist du?", "oben"),)))
    assert reply.write(99) == direct(gemma, said, 24)


def test_it_is_written_in_pieces_as_it_is_at_once_and_no_character_is_split(loaded):
    sampling = {"temperature": 1.5, "top_k": 50, "top_p": 0.95, "seed": 3}
    whole = Reply(loaded, begin(tokens=80, **sampling)).write(99)
    reply = Reply(loaded, begin(tokens=80, **sampling))
    pieces = []
    while not reply.is_whole:
        pieces.append(reply.write(1))
    assert "".join(pieces) == whole
    assert len([piece for piece in pieces if piece]) > 5


def test_the_oldest_turns_are_left_out_where_there_is_no_room(loaded):
    turns = tuple((f"Frage {number}: wie hoch?", "hoch genug") for number in range(30))
    reply = Reply(loaded, begin(turns=turns))
    assert 0 < reply.turns_left_out < 30
    assert reply.prompt_tokens <= CONTEXT - REPLY_TOKENS_MIN


def test_a_prompt_that_alone_is_too_long_is_refused(loaded):
    with pytest.raises(MisuseError, match="expected at most 112 tokens"):
        Reply(loaded, begin(WORDS * 5))


def test_a_reply_ends_where_the_window_is_full(loaded):
    reply = Reply(loaded, begin(tokens=1_000))
    while not reply.is_whole:
        reply.write(16)
    assert reply.is_finished or reply.prompt_tokens + reply.tokens == CONTEXT


def test_an_end_token_ends_the_reply(loaded):
    first = int(loaded.read(loaded.encode(begin())[0]).argmax()) if loaded.begin() is None else 0
    loaded.ends = frozenset({first})
    reply = Reply(loaded, begin())
    assert reply.write(9) == ""
    assert reply.is_finished


def test_weights_that_are_missing_are_not_made_up(disk):
    import safetensors.torch

    path = disk.root / "files/gemma/model.safetensors"
    weights = safetensors.torch.load_file(path)
    name = next(name for name in sorted(weights) if "mlp" in name)
    del weights[name]
    safetensors.torch.save_file(weights, path, metadata={"format": "pt"})
    assert look_at(disk, "files/gemma")
    with pytest.raises(MalformedError, match="missing_keys"):
        load_language_model(disk, "files/gemma")


def test_it_chats_on_board_and_tells_who_it_is(disk, gemma):
    table = Table(disk)
    assert table.activate("gemma") is None
    assert table.prompt(text="Hallo, Satellit!", temperature=0.0, tokens_max=24) is None
    table.run(60)
    said = [{"role": "user", "content": "Hallo, Satellit!"}]
    assert table.reply()[0] == direct(gemma, said, 24)
    assert table.prompt(turn=2, text="Wie geht es?", telemetry=1, tokens_max=8) is None
    table.run(60)
    assert table.reply(turn=2)[1]["prompt_tokens"] > table.reply()[1]["prompt_tokens"]


def test_a_prompt_of_too_many_tokens_fails_by_name_and_the_next_is_answered(disk):
    table = Table(disk)
    table.activate("gemma")
    table.prompt(text="xq" * 150, tokens_max=8)
    table.prompt(conversation=2, tokens_max=8)
    table.run(60)
    assert table.reply()[1]["end"] == "FAILED"
    assert "expected at most 120 tokens" in table.reply()[1]["reason"]
    assert table.reply(conversation=2)[1]["end"] in ("LENGTH", "FINISHED")


def test_a_pickle_is_refused_and_what_runs_goes_on(disk):
    table = Table(disk)
    table.activate("gemma")
    table.run(20)
    shutil.copytree(disk.root / "files/gemma", disk.root / "files/other")
    disk.append("files/other/pytorch_model.bin", b"\x80\x04.")
    assert table.activate("other") is FailureCode.REFUSED
    assert "a pickle, which is never loaded" in table.refusal
    table.prompt(tokens_max=8)
    table.run(60)
    assert table.reply()[1]["tokens"] > 0
