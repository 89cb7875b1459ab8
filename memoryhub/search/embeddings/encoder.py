"""Runs the prepared model: tokens in, vectors out. Needs onnxruntime, tokenizers and numpy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import numpy.typing as npt
import onnxruntime
from tokenizers import Tokenizer

from .weights import MAX_TOKENS

if TYPE_CHECKING:
    from .base import Vector

#: 256 tokens are about 1,000 characters; this much text always holds them, and reading more takes time.
MAX_CHARS = 16_384
#: Texts times tokens of one run, padding included: as much as stays in the processor's caches.
#: Four times as much is a fifth slower, eight times as much half as fast.
RUN_TOKENS = 256


class Encoder:
    """The loaded model. May be used by several threads at once; for many texts it uses ``threads`` of its own."""

    def __init__(self, model: Path, tokenizer: Path, *, threads: int) -> None:
        self.session = open_session(model)
        self.tokenizer = open_tokenizer(tokenizer)
        # these start when they are needed, so a process that embeds only queries has none
        self.pool = ThreadPoolExecutor(threads, "encoder") if threads > 1 else None

    def encode(self, texts: Sequence[str]) -> list[Vector]:
        """Vectors of ``texts`` in order; a text beyond its first 256 tokens is not seen."""
        tokens = [encoding.ids for encoding in self.tokenizer.encode_batch([text[:MAX_CHARS] for text in texts])]
        parts = list(runs(tokens))
        at_once = self.pool.map if self.pool and len(parts) > 1 else map
        made = at_once(lambda part: self.run([tokens[place] for place in part]), parts)
        vectors = {
            place: vector
            for part, found in zip(parts, made, strict=True)
            for place, vector in zip(part, found, strict=True)
        }
        return [vectors[place] for place in range(len(texts))]

    def run(self, tokens: Sequence[Sequence[int]]) -> list[Vector]:
        ids, mask = padded(tokens)
        output = self.session.run(["embedding"], {"input_ids": ids, "attention_mask": mask})[0]
        return [row.copy() for row in cast("npt.NDArray[np.float32]", output)]


def open_session(model: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    # the arena keeps the largest run's memory for ever; without it a query is as fast
    options.enable_cpu_mem_arena = False
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


def open_tokenizer(path: Path) -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(path))
    # the file asks for 128 tokens, filled up to 128 always
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    # "[SEP]" written by a user is text, not an instruction to the model
    tokenizer.encode_special_tokens = True
    return tokenizer


def runs(tokens: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """Places of texts of similar length, so that little is padding and no run is too big."""
    run: list[int] = []
    for place in sorted(range(len(tokens)), key=lambda place: len(tokens[place])):
        if run and (len(run) + 1) * len(tokens[place]) > RUN_TOKENS:
            yield run
            run = []
        run.append(place)
    if run:
        yield run


def padded(tokens: Sequence[Sequence[int]]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    ids = np.zeros((len(tokens), max(map(len, tokens))), dtype=np.int64)
    mask = np.zeros_like(ids)
    for row, numbers in enumerate(tokens):
        ids[row, : len(numbers)] = numbers
        mask[row, : len(numbers)] = 1
    return ids, mask
