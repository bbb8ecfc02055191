"""The bench of a GPU: refused where there is none, and what it compares holds on a processor."""

import pytest
import torch
from click.testing import CliRunner

from tools.bench import gpu
from tools.bench.__main__ import main


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_without_a_gpu_it_says_so_in_one_line(tmp_path):
    result = CliRunner().invoke(main, ["--only", "gpu", "--out", str(tmp_path / "bench.json")])
    assert result.exit_code == 2
    refusal = "gpu: execution.device: expected one that torch finds here, found cuda; here: cpu"
    assert [line.strip() for line in result.output.splitlines() if "execution" in line] == [refusal]


def test_what_it_says_of_exactness_holds_on_a_processor():
    struck, resumed = gpu.exact_rows("tiny", f"training.steps = {gpu.STEPS}")
    assert (struck.value, struck.ok) == (gpu.FLIPS, True)
    assert (resumed.value, resumed.ok) == (1, True)
