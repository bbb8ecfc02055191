"""A model that came up packed, whole or some layers of it, is made on board, activated, and replies."""

import pytest

from packing.exact import pack
from packing.layers import pack_layers
from packing.source import Octets
from tests.packing.test_layers import whole_layers

from .conftest import MODEL
from .test_server import OTHER, bare


def laid(disk, told):
    disk.remove(OTHER)
    disk.append("files/new.pack", told)
    return {"name": "new.pack", "destination": "new.safetensors", "base": ""}


def test_a_model_that_came_as_its_difference_from_another_job_is_that_model_and_replies(table, disk, models):
    new = models[OTHER]
    told = b"".join(pack(Octets(new), Octets(models[MODEL])))
    assert table.command("model.unpack", **laid(disk, told)) is None
    table.run(5)
    assert disk.read("files/new.safetensors") == new
    assert table.activate("new.safetensors") is None
    table.prompt()
    table.run(60)
    assert table.reply()[0] == bare(disk, name="files/new.safetensors")


@pytest.mark.parametrize("layers", [1, 4])
def test_a_model_of_some_layers_is_near_the_one_that_was_trained_and_replies(table, disk, models, layers):
    told = b"".join(pack_layers(Octets(models[OTHER]), Octets(models[MODEL])))
    told = told[: whole_layers(told)[layers - 1] + 3]
    assert table.command("model.unpack", **laid(disk, told)) is None
    table.run(5)
    (about,) = table.heard("model_approximated")
    assert (about["layers"], about["layers_in_all"]) == (layers, 4)
    assert table.activate("new.safetensors") is None
    table.prompt()
    table.run(60)
    assert table.reply()[0] == bare(disk, name="files/new.safetensors") != bare(disk)
