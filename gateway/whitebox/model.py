"""Loads a causal language model: a folder of transformers, or a GGUF file that is converted once."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from gateway.errors import ConfigError
from gateway.model_files import cache_folder
from gateway.whitebox import adapters
from gateway.whitebox.adapters import Choice


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model, its tokenizer, the tokens that end an answer, and what its rows' adapters are."""

    model: Any
    tokenizer: Any
    ends: frozenset[int]
    choice: Choice

    def prompt(self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Any] | None = None) -> list[int]:
        """The tokens of a conversation, up to where the answer begins."""
        turns = [{**message, "content": self._plain(message["content"])} for message in messages]
        ids = self.tokenizer.apply_chat_template(
            turns, tools=tools or None, add_generation_prompt=True, return_dict=False
        )
        return list(map(int, ids))

    def _plain(self, text: str) -> str:
        """Text in which nobody opens a turn of his own: the marks of the template are broken."""
        for mark in self.tokenizer.all_special_tokens:
            text = text.replace(mark, f"{mark[:1]}\u200b{mark[1:]}")
        return text

    @torch.inference_mode()
    def surprise(self, text: str, most: int) -> list[float]:
        """The negative log-likelihood, in nats, of each token of `text` after those before it.

        The first stands after the token that begins every text. A text of more than `most` tokens is read
        in stretches, each of which begins as a text does.
        """
        ids = self.tokenizer(self._plain(text), add_special_tokens=False)["input_ids"]
        return [nat for at in range(0, len(ids), most) for nat in self._surprise(ids[at : at + most])]

    def _surprise(self, ids: Sequence[int]) -> list[float]:
        begin = self.tokenizer.bos_token_id
        tokens = torch.tensor([[self.tokenizer.eos_token_id if begin is None else begin, *ids]])
        adapters.chosen(self.choice, [None])
        chances = self.model(input_ids=tokens).logits[0, :-1].float().log_softmax(-1)
        told = chances.gather(1, tokens[0, 1:, None])[:, 0]
        return [-float(value) for value in told]


def load(path: Path, own: Mapping[str, Path], say: Callable[[str], object]) -> Loaded:
    """The model of `path` with its adapters; raises ConfigError for what is none."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = _converted(path, say) if path.is_file() else path
    try:
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        tokenizer = AutoTokenizer.from_pretrained(folder)
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(f"{path} holds no causal language model: {error}") from error
    if tokenizer.chat_template is None:
        raise ConfigError(f"{path}: its tokenizer has no chat template, so it cannot hold a conversation")
    model.eval()
    choice = adapters.load(model, own)
    ends = model.generation_config.eos_token_id
    found = ends if isinstance(ends, list) else [ends]
    known = frozenset(int(one) for one in (*found, tokenizer.eos_token_id) if one is not None)
    return Loaded(model, tokenizer, known, choice)


def _converted(file: Path, say: Callable[[str], object]) -> Path:
    """The GGUF file as a folder of transformers in the cache; converting takes half a minute, once."""
    digest = hashlib.blake2b(f"{file.name} {file.stat().st_size}".encode(), digest_size=4).hexdigest()
    folder = cache_folder() / f"{file.stem}-{digest}"
    if (folder / "config.json").is_file():
        return folder
    say(f"converting {file.name} (once)")
    from transformers import AutoModelForCausalLM, AutoTokenizer

    try:
        read = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype=torch.float32)
        tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise ConfigError(f"{file} cannot be read: {error}") from error
    config = read.config
    if hasattr(config, "quantization_config"):  # with it, transformers refuses to save
        del config.quantization_config
    plain = type(read)(config)
    plain.load_state_dict(read.state_dict())
    plain.generation_config = read.generation_config
    making = folder.with_name(f"{folder.name}.making")
    tokenizer.save_pretrained(making)
    plain.to(torch.bfloat16).save_pretrained(making)
    making.rename(folder)
    return folder
