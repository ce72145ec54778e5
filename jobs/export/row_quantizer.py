"""GGUF quantised without llama.cpp: libgguf does the rows, this file says which matrix gets how many bits.

In: an F16 GGUF file of a dense model. Out: the same file as Q8_0, Q5_K_M or Q4_K_M, as `llama-quantize` would write it.
"""

import pathlib
import re
from dataclasses import dataclass

from jobs.errors import JobError

MAIN_TYPE = {"Q8_0": "Q8_0", "Q5_K_M": "Q5_K", "Q4_K_M": "Q4_K"}
FILE_TYPE = {"Q8_0": 7, "Q5_K_M": 17, "Q4_K_M": 15}
"""`general.file_type` (llama.cpp's enum llama_ftype)."""
NARROW = {"Q4_K": "Q5_0", "Q5_K": "Q5_1", "Q6_K": "Q8_0"}
"""What a matrix gets whose rows do not divide into blocks of 256."""
BLOCK, SUPER_BLOCK = 32, 256


@dataclass(frozen=True)
class Model:
    """What the choice of types depends on."""

    layers: int
    tied: bool
    """No output matrix: the embeddings are used twice."""
    shared_values: bool
    """Llama-2 70B's shape, 80 layers in which 8 heads share one value matrix."""


def rows_quantized(source: pathlib.Path, target: pathlib.Path, kind: str) -> None:
    """Write `source` as `kind` to `target`, one tensor after the other.

    Raises:
        JobError: a model with experts or fused attention, for whose matrices only llama-quantize has rules.
    """
    import gguf
    import libgguf
    from tqdm import tqdm

    reader = gguf.GGUFReader(source)
    model = _model(reader)
    types = {
        tensor.name: tensor_type(tensor.name, list(map(int, tensor.shape)), kind, model) for tensor in reader.tensors
    }
    writer = gguf.GGUFWriter(target, reader.get_field("general.architecture").contents())
    _copy_metadata(reader, writer, FILE_TYPE[kind])
    for tensor in reader.tensors:
        wanted = types[tensor.name]
        if wanted is None:
            writer.add_tensor_info(tensor.name, tensor.data.shape, tensor.data.dtype, tensor.data.nbytes)
            continue
        quantised = gguf.GGMLQuantizationType[wanted]
        shape = gguf.quant_shape_to_byte_shape(tensor.data.shape, quantised)
        size = int(shape[0]) * int(shape[1])
        writer.add_tensor_info(tensor.name, shape, _bytes_type(), size, raw_dtype=quantised)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for tensor in tqdm(reader.tensors, desc=kind, unit="tensor"):
        wanted = types[tensor.name]
        data = tensor.data if wanted is None else libgguf.quantize_rows(tensor.data, gguf.GGMLQuantizationType[wanted])
        writer.write_tensor_data(data)
    writer.close()


def tensor_type(name: str, shape: list[int], kind: str, model: Model) -> str | None:
    """The ggml type of one tensor, None when it stays as it is. `shape` is ggml's: the row's width first.

    The mixture is llama.cpp's for `kind` (llama_tensor_get_type in src/llama-quant.cpp): the outer eighths of the
    layers, and every third one between, have their value and down matrices in Q6_K; so has the output matrix.
    """
    if len(shape) != 2 or not name.endswith(".weight"):
        return None
    wanted = MAIN_TYPE[kind]
    if name == "output.weight" or (model.tied and name == "token_embd.weight"):
        return "Q8_0" if kind == "Q8_0" or shape[0] % SUPER_BLOCK else "Q6_K"
    layer = re.fullmatch(r"blk\.(\d+)\.(attn_v|ffn_down)\.weight", name)
    if kind != "Q8_0" and layer:
        if _more_bits(int(layer[1]), model.layers):
            wanted = "Q6_K"
        elif layer[2] == "attn_v" and model.shared_values and wanted == "Q4_K":
            wanted = "Q5_K"
    if shape[0] % SUPER_BLOCK:
        wanted = NARROW.get(wanted, wanted)
    return None if shape[0] % BLOCK else wanted


def _more_bits(layer: int, layers: int) -> bool:
    return layer < layers // 8 or layer >= 7 * layers // 8 or (layer - layers // 8) % 3 == 2


def _model(reader) -> Model:
    names = [tensor.name for tensor in reader.tensors]
    odd = [name for name in names if "_exps." in name or "attn_qkv" in name or "attn_kv_a" in name]
    if odd:
        raise JobError(f"{odd[0]}: without llama-quantize only dense models with separate q, k and v can be quantised")
    architecture = reader.get_field("general.architecture").contents()
    layers = int(reader.get_field(f"{architecture}.block_count").contents())
    heads = int(reader.get_field(f"{architecture}.attention.head_count").contents())
    field = reader.get_field(f"{architecture}.attention.head_count_kv")
    return Model(
        layers=layers,
        tied="output.weight" not in names,
        shared_values=architecture == "llama" and layers == 80 and field and heads // int(field.contents()) == 8,
    )


def _copy_metadata(reader, writer, file_type: int) -> None:
    import gguf

    written = {"general.architecture", "general.file_type", "general.quantization_version"}
    for field in reader.fields.values():
        if field.name not in written and not field.name.startswith("GGUF."):
            inner = field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
            writer.add_key_value(field.name, field.contents(), field.types[0], sub_type=inner)
    writer.add_file_type(file_type)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)


def _bytes_type():
    import numpy

    return numpy.dtype(numpy.uint8)
