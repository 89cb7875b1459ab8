"""The 8-bit graph against an independent float computation of the same network."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pytest
from safetensors import safe_open
from tokenizers import Tokenizer

from memoryhub.search.embeddings.bert import build, quantized_columns
from memoryhub.search.embeddings.encoder import Encoder
from memoryhub.search.embeddings.weights import TOKENIZER_FILE, WEIGHTS_FILE, packaged_path

Array: TypeAlias = npt.NDArray[Any]

SENTENCES = [
    "dark theme",
    "The user prefers a night mode interface.",
    "Invoices are paid within thirty days of delivery.",
    "Melanie painted a sunrise over the lake last year, and hung it in her kids' room.",
    "Deploy fails with error 137: the container was killed because it ran out of memory!",
    "¿Dónde está la biblioteca? 図書館はどこですか。 🙂",
    "yes",
    "Long ago, " * 40,
]


@pytest.fixture(scope="module")
def reference() -> Callable[[str], Array]:
    with safe_open(packaged_path(WEIGHTS_FILE), framework="np") as file:
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - safe_open is no mapping
    tokenizer = Tokenizer.from_file(str(packaged_path(TOKENIZER_FILE)))
    tokenizer.no_padding()
    tokenizer.enable_truncation(256)
    return lambda text: forward(weights, tokenizer.encode(text).ids)


def forward(w: dict[str, Array], ids: list[int]) -> Array:
    x = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.position_embeddings.weight"][: len(ids)]
    x = norm(w, "embeddings", x + w["embeddings.token_type_embeddings.weight"][0])
    for number in range(6):
        layer = f"encoder.layer.{number}"
        x = norm(
            w,
            f"{layer}.attention.output",
            x + dense(w, f"{layer}.attention.output", attention(w, f"{layer}.attention.self", x)),
        )
        x = norm(w, f"{layer}.output", x + dense(w, f"{layer}.output", gelu(dense(w, f"{layer}.intermediate", x))))
    mean = x.mean(axis=0)
    return np.asarray(mean / np.linalg.norm(mean))


def dense(w: dict[str, Array], name: str, x: Array) -> Array:
    return np.asarray(x @ w[f"{name}.dense.weight"].T + w[f"{name}.dense.bias"])


def norm(w: dict[str, Array], name: str, x: Array) -> Array:
    centered = x - x.mean(axis=-1, keepdims=True)
    deviation = np.sqrt((centered**2).mean(axis=-1, keepdims=True) + 1e-12)
    return np.asarray(centered / deviation * w[f"{name}.LayerNorm.weight"] + w[f"{name}.LayerNorm.bias"])


def attention(w: dict[str, Array], name: str, x: Array) -> Array:
    query, key, value = (
        split_heads(x @ w[f"{name}.{part}.weight"].T + w[f"{name}.{part}.bias"]) for part in ("query", "key", "value")
    )
    scores = np.exp(query @ key.transpose(0, 2, 1) / math.sqrt(query.shape[-1]))
    context = scores / scores.sum(axis=-1, keepdims=True) @ value
    return np.asarray(context.transpose(1, 0, 2).reshape(x.shape))


def split_heads(x: Array) -> Array:
    return x.reshape(len(x), 12, -1).transpose(1, 0, 2)


def gelu(x: Array) -> Array:
    return np.asarray(x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2)


def test_eight_bits_lose_almost_nothing(encoder: Encoder, reference: Callable[[str], Array]) -> None:
    for sentence, vector in zip(SENTENCES, encoder.encode(SENTENCES), strict=True):
        assert float(vector @ reference(sentence)) > 0.99, sentence


def test_columns_give_the_weights_back_to_half_a_step() -> None:
    weight = np.random.default_rng(1).normal(size=(8, 384)).astype(np.float32)
    for signed, zero in ((True, 0), (False, 128)):
        values, scale = quantized_columns(weight, signed=signed)
        assert values.shape == (384, 8)
        assert scale.shape == (8,)
        restored = (values.astype(np.float32) - zero).T * scale[:, None]
        assert np.all(np.abs(restored - weight) <= scale[:, None] * 0.501)


def test_both_forms_of_the_graph_give_the_same_vectors(tmp_path: Path) -> None:
    """Processors that want unsigned weights share a database with others."""
    found = []
    with safe_open(packaged_path(WEIGHTS_FILE), framework="np") as weights:
        for signed in (True, False):
            path = tmp_path / f"{signed}.onnx"
            path.write_bytes(build(weights.get_tensor, signed=signed).SerializeToString())
            found.append(np.array(Encoder(path, packaged_path(TOKENIZER_FILE), threads=1).encode(SENTENCES)))
    assert np.abs(found[0] - found[1]).max() < 1e-3
