"""Job `quantize`: files that load again and predict as the merged model does; everything else fails with a reason."""

import shutil
import stat
import sys

import pytest

from jobs.errors import JobError
from jobs.export import merge, quantize
from jobs.export.converter import convert_to_f16
from jobs.export.gguf_file import fell_back, load_gguf, tensor_types
from jobs.export.llama_quantize import VARIABLE, find_quantizer
from jobs.export.llama_quantize import quantize as llama_quantize
from jobs.export.row_quantizer import Model, rows_quantized, tensor_type
from tests.export import wide
from tests.export.conftest import OVERRIDES, arguments
from tests.training import tiny

KINDS = ("F16", "Q8_0", "Q5_K_M", "Q4_K_M")


def recipe(home, *kinds):
    return tiny.recipe(home, *OVERRIDES, f"export.gguf=[{','.join(kinds)}]")


@pytest.fixture(scope="module")
def f16(published):
    """The merged model as F16, as a run that was killed leaves it: what takes longest is done once for all tests."""
    merge.run(published.recipe, published.home, arguments("one"))
    exports = published.home / "exports" / published.reference
    path = exports / ".gguf.part" / f"{published.reference.replace('@', '-')}-F16.gguf"
    path.parent.mkdir()
    convert_to_f16(exports / "merged", path)
    return path


@pytest.fixture
def home(published, f16, tmp_path):
    """A home of the test's own with a merged model."""
    for name in ("adapters", "runs", "models", "corpus", "exports"):
        shutil.copytree(published.home / name, tmp_path / name, ignore=shutil.ignore_patterns("gguf"))
    return tmp_path


def test_every_kind_loads_again_and_predicts_as_the_merged_model(published, home):
    shutil.rmtree(home / "exports" / published.reference / ".gguf.part")
    first = quantize.run(recipe(home, "F16", "Q4_K_M"), home, arguments("one"))
    assert set(first["files"]) == {"F16", "Q4_K_M"} and not first["unchanged"]
    folder = home / "exports" / published.reference / "gguf"
    before = (folder / first["files"]["Q4_K_M"]["file"]).stat().st_mtime_ns
    summary = quantize.run(recipe(home, *KINDS), home, arguments("one"))
    files = summary["files"]
    assert set(files) == set(KINDS)
    assert (folder / files["Q4_K_M"]["file"]).stat().st_mtime_ns == before  # what is there is not made again
    assert files["Q4_K_M"]["tensors"] == {"F32": 5, "Q4_K": 13, "Q6_K": 3}
    assert files["Q5_K_M"]["tensors"] == {"F32": 5, "Q5_K": 13, "Q6_K": 3}
    assert files["Q8_0"]["tensors"] == {"F32": 5, "Q8_0": 16}
    assert not any(facts["fell_back"] for facts in files.values())
    sizes = [files[kind]["bytes"] for kind in KINDS]
    assert sizes == sorted(sizes, reverse=True)
    assert abs(files["F16"]["difference"]) < 0.001 and abs(files["Q8_0"]["difference"]) < 0.01
    assert all(facts["merged_perplexity"] < 10 for facts in files.values())  # trained, so that damage would show
    assert {path.name for path in folder.glob("*.gguf")} == {facts["file"] for facts in files.values()}
    assert not (folder.parent / ".gguf.part").exists()
    assert quantize.run(recipe(home, *KINDS), home, arguments("one")) == summary | {"unchanged": True}


def program(folder, body):
    """A program in the place of llama-quantize: $1 is the F16 file, $2 what it has to write."""
    path = folder / "quantizer"
    path.write_text(
        f"#!{sys.executable}\nimport sys, pathlib\nsource, target = map(pathlib.Path, sys.argv[1:3])\n{body}\n"
    )
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("data = source.read_bytes(); target.write_bytes(data[:-900000] + bytes(900000))", "this file is broken"),
        ("target.write_bytes(source.read_bytes()[:-900000])", "cannot be (read as GGUF|loaded again)"),
        ("target.write_bytes(b'no model')", "cannot be read as GGUF"),
        ("sys.exit('unknown model architecture')", "unknown model architecture"),
    ],
)
def test_a_bad_file_is_not_kept(published, home, tmp_path, monkeypatch, body, reason):
    monkeypatch.setenv(VARIABLE, program(tmp_path, body))
    with pytest.raises(JobError, match=reason):
        quantize.run(recipe(home, "Q8_0"), home, arguments("one"))
    assert not list((home / "exports" / published.reference / "gguf").glob("*.gguf"))
    monkeypatch.delenv(VARIABLE)
    assert not quantize.run(recipe(home, "Q8_0"), home, arguments("one"))["unchanged"]  # and the next run completes


def test_without_any_quantizer_the_three_ways_are_named(home, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setitem(sys.modules, "libgguf", None)  # as if it were not installed
    with pytest.raises(JobError, match=r"llama-quantize on PATH .*--build-quantizer.*pip install libgguf"):
        quantize.run(recipe(home, "Q4_K_M"), home, arguments("one"))
    with pytest.raises(JobError, match=r"no C\+\+ compiler on PATH"):
        quantize.run(recipe(home, "Q4_K_M"), home, arguments("one", build=True))


def test_a_variable_that_names_nothing_is_an_error(home, monkeypatch):
    monkeypatch.setenv(VARIABLE, "/nowhere/llama-quantize")
    with pytest.raises(JobError, match="BARDLOOP_LLAMA_QUANTIZE=/nowhere/llama-quantize: no program there"):
        quantize.run(recipe(home, "Q4_K_M"), home, arguments("one"))


def test_it_merges_first(published, home):
    shutil.rmtree(home / "exports")
    with pytest.raises(JobError, match="run `python -m jobs merge` first"):
        quantize.run(recipe(home, "F16"), home, arguments("one"))


def test_a_tokenizer_that_llama_cpp_does_not_know_is_named(tmp_path):
    tiny.write_base(tmp_path / "model")
    with pytest.raises(JobError, match=r"converter refused it.*pre-tokenizer was not recognized"):
        convert_to_f16(tmp_path / "model", tmp_path / "f16.gguf")


def test_narrow_rows_fall_back_and_are_counted(tmp_path):
    wide.write_base(tmp_path / "model", width=192)
    convert_to_f16(tmp_path / "model", tmp_path / "f16.gguf")
    rows_quantized(tmp_path / "f16.gguf", tmp_path / "q4.gguf", "Q4_K_M")
    types = tensor_types(tmp_path / "q4.gguf")
    # Rows of 192: q, k, v, o, gate and up of two layers, embeddings and output. Rows of 512: down.
    assert fell_back(types, "Q4_K_M") == 14
    assert types["Q6_K"] + types.get("Q4_K", 0) == 2
    assert load_gguf(tmp_path / "q4.gguf", "float32").config.hidden_size == 192


@pytest.mark.parametrize(("kind", "most"), [("Q8_0", 0.01), ("Q5_K_M", 0.05), ("Q4_K_M", 0.1)])
def test_libgguf_writes_what_was_there(f16, tmp_path, kind, most):
    import gguf
    import numpy

    rows_quantized(f16, tmp_path / "out.gguf", kind)
    wanted = {tensor.name: tensor.data for tensor in gguf.GGUFReader(f16).tensors}
    for tensor in gguf.GGUFReader(tmp_path / "out.gguf").tensors:
        original = wanted[tensor.name].astype(numpy.float32)
        error = gguf.dequantize(tensor.data, tensor.tensor_type) - original
        assert numpy.sqrt((error**2).mean()) <= most * numpy.sqrt((original**2).mean()), tensor.name


def types_of(file):
    return {tensor.name: tensor.tensor_type for tensor in file.tensors}


@pytest.mark.parametrize("kind", ["Q8_0", "Q5_K_M", "Q4_K_M"])
def test_libgguf_writes_what_llama_quantize_writes(f16, tmp_path, kind):
    import gguf

    program = find_quantizer()
    if program is None:
        pytest.skip("no llama-quantize on this machine")
    rows_quantized(f16, tmp_path / "ours.gguf", kind)
    llama_quantize(program, f16, tmp_path / "theirs.gguf", kind, 2)
    ours, theirs = gguf.GGUFReader(tmp_path / "ours.gguf"), gguf.GGUFReader(tmp_path / "theirs.gguf")
    assert [(t.name, t.tensor_type) for t in sorted(ours.tensors)] == [
        (t.name, t.tensor_type) for t in sorted(theirs.tensors)
    ]
    data = {tensor.name: tensor.data.tobytes() for tensor in theirs.tensors}
    assert all(tensor.data.tobytes() == data[tensor.name] for tensor in ours.tensors)


def test_the_mixture_is_llama_cpp_s_on_the_real_model():
    """Llama-2 70B: 80 layers, eight heads to a value matrix."""
    model = Model(layers=80, tied=False, shared_values=True)
    rows = [8192, 8192]

    def types(name, kind):
        return [tensor_type(f"blk.{layer}.{name}.weight", rows, kind, model) for layer in range(80)]

    more = [*range(10), *range(12, 70, 3), *range(70, 80)]  # the outer eighths, every third between
    assert [layer for layer, each in enumerate(types("ffn_down", "Q4_K_M")) if each == "Q6_K"] == more
    assert set(types("attn_v", "Q4_K_M")) == {"Q6_K", "Q5_K"}  # no Q4_K: eight heads use it
    assert set(types("attn_q", "Q4_K_M")) == {"Q4_K"}
    assert tensor_type("output.weight", [8192, 32000], "Q4_K_M", model) == "Q6_K"
    assert tensor_type("output_norm.weight", [8192], "Q4_K_M", model) is None
