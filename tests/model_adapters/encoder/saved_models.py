"""Small models of transformers with random weights, saved as their authors would: vocabularies in odd orders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import torch
import transformers
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, processors, trainers

BERT_LETTERS = ("G", "[PAD]", "U", "[MASK]", "A", "[CLS]", "C", "[SEP]", "[UNK]")
ESM_LETTERS = ("<eos>", "t", "<mask>", "g", "<pad>", "c", "<cls>", "a", "<unk>", "n")
ROBERTA_LETTERS = ("T", "<s>", "<pad>", "G", "</s>", "N", "A", "<mask>", "C", "<unk>")
CAUSAL_LETTERS = ("U", "C", "<pad>", "<s>", "A", "N", "G")
KMERS = ("[MASK]", *("".join(word) for word in product("TGCA", repeat=3)), "[SEP]", "[UNK]", "[CLS]", "[PAD]")

SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 64,
    "bos_token_id": None,
    "eos_token_id": None,
}
GPT2_SIZES = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64, "bos_token_id": None, "eos_token_id": None}


def save_model(
    folder: Path, kind: str, model_class: str, vocabulary: Sequence[str], seed: int = 0, **changes: Any
) -> Any:
    """A model with random weights, biases and norms included, saved to ``folder``."""
    numbers = {token: number for number, token in enumerate(vocabulary)}
    pad = next((numbers[token] for token in ("[PAD]", "<pad>") if token in numbers), 0)
    sizes = dict(GPT2_SIZES if kind == "GPT2" else SIZES)
    if kind == "Esm":
        sizes |= {"mask_token_id": numbers["<mask>"], "token_dropout": True}
    sizes |= {"vocab_size": len(vocabulary), "pad_token_id": pad, **changes}
    config = getattr(transformers, f"{kind}Config")(**sizes, attn_implementation="eager")
    torch.manual_seed(seed)
    model = getattr(transformers, model_class)(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)
    model.save_pretrained(folder)
    return model


def save_bert_tokenizer(folder: Path, vocabulary: Sequence[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "list.txt").write_text("\n".join(vocabulary))
    transformers.BertTokenizer(str(folder / "list.txt"), do_lower_case=False).save_pretrained(folder)
    (folder / "list.txt").unlink()


def save_vocabulary_list(folder: Path, vocabulary: Sequence[str]) -> None:
    """As older versions of the library saved a BERT tokenizer."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer", "do_lower_case": false}')


def save_esm_tokenizer(folder: Path, vocabulary: Sequence[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "list.txt").write_text("\n".join(vocabulary))
    transformers.EsmTokenizer(str(folder / "list.txt")).save_pretrained(folder)
    (folder / "list.txt").unlink()


def save_letters(folder: Path, vocabulary: Sequence[str], **special: str) -> None:
    """A tokenizer of single letters; ``bos`` and ``eos`` stand around a sequence where they are given."""
    numbers = {token: number for number, token in enumerate(vocabulary)}
    unknown = "<unk>" if "<unk>" in numbers else None
    tokenizer = Tokenizer(models.WordLevel(numbers, unk_token=unknown or ""))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    if "eos" in special:
        ends = [(special[role], numbers[special[role]]) for role in ("eos", "bos")]
        tokenizer.post_processor = processors.RobertaProcessing(*ends)
    elif "bos" in special:
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{special['bos']} $A", special_tokens=[(special["bos"], numbers[special["bos"]])]
        )
    names = {f"{role}_token": token for role, token in special.items()}
    names |= {f"{role}_token": f"<{role}>" for role in ("pad", "mask", "unk") if f"<{role}>" in numbers}
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(folder)


def save_byte_pairs(folder: Path, size: int = 60) -> list[str]:
    """Byte pairs merged on random letters; returns the vocabulary in the order of its numbers."""
    generator = torch.Generator().manual_seed(0)
    texts = ["".join("ACGT"[i] for i in torch.randint(4, (80,), generator=generator).tolist()) for _ in range(50)]
    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))
    special = ["[UNK]", "[PAD]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=size, special_tokens=special))
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    names = {"unk_token": "[UNK]", "pad_token": "[PAD]", "mask_token": "[MASK]"}
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(folder)
    numbers = tokenizer.get_vocab()
    return sorted(numbers, key=numbers.__getitem__)


def between(folder: Path, vocabulary: Sequence[str]) -> None:
    save_letters(folder, vocabulary, bos="<s>", eos="</s>")


def begun(folder: Path, vocabulary: Sequence[str]) -> None:
    save_letters(folder, vocabulary, bos="<s>")


class Saved(NamedTuple):
    kind: str
    model_class: str
    tokenizer: Callable[[Path, Sequence[str]], None]
    vocabulary: Sequence[str]
    leading: Sequence[str]
    trailing: Sequence[str]
    written: str
    """How the vocabulary writes A C G U."""
    k: int = 1
    changes: dict[str, Any] = {}  # noqa: RUF012


RNA = "GGAUCCGUAGCAACGUUUAGCUAGGCAUCGAC"
SAVED = {
    "bert": Saved("Bert", "BertForMaskedLM", save_bert_tokenizer, BERT_LETTERS, ["[CLS]"], ["[SEP]"], "ACGU"),
    "bert-list": Saved("Bert", "BertForMaskedLM", save_vocabulary_list, BERT_LETTERS, ["[CLS]"], ["[SEP]"], "ACGU"),
    "bert-alone": Saved("Bert", "BertModel", save_bert_tokenizer, BERT_LETTERS, ["[CLS]"], ["[SEP]"], "ACGU"),
    "bert-3mer": Saved("Bert", "BertForMaskedLM", save_bert_tokenizer, KMERS, ["[CLS]"], ["[SEP]"], "ACGT", 3),
    "bert-both": Saved("Bert", "BertForPreTraining", save_bert_tokenizer, BERT_LETTERS, ["[CLS]"], ["[SEP]"], "ACGU"),
    "esm": Saved("Esm", "EsmForMaskedLM", save_esm_tokenizer, ESM_LETTERS, ["<cls>"], ["<eos>"], "acgt"),
    "esm-rotary": Saved(
        "Esm",
        "EsmForMaskedLM",
        save_esm_tokenizer,
        ESM_LETTERS,
        ["<cls>"],
        ["<eos>"],
        "acgt",
        1,
        {"position_embedding_type": "rotary"},
    ),
    "roberta": Saved("Roberta", "RobertaForMaskedLM", between, ROBERTA_LETTERS, ["<s>"], ["</s>"], "ACGT"),
    "electra": Saved(
        "Electra",
        "ElectraForMaskedLM",
        save_bert_tokenizer,
        BERT_LETTERS,
        ["[CLS]"],
        ["[SEP]"],
        "ACGU",
        1,
        {"embedding_size": 16},
    ),
    "gpt2": Saved("GPT2", "GPT2LMHeadModel", begun, CAUSAL_LETTERS, ["<s>"], [], "ACGU"),
    "gpt2-alone": Saved("GPT2", "GPT2Model", begun, CAUSAL_LETTERS, ["<s>"], [], "ACGU"),
    "gpt_neox": Saved("GPTNeoX", "GPTNeoXForCausalLM", save_letters, CAUSAL_LETTERS, [], [], "ACGU"),
    "llama": Saved("Llama", "LlamaForCausalLM", begun, CAUSAL_LETTERS, ["<s>"], [], "ACGU"),
}
MASKED = ["bert", "bert-list", "bert-3mer", "bert-both", "esm", "esm-rotary", "roberta", "electra"]
CAUSAL = ["gpt2", "gpt_neox", "llama"]


def saved(name: str, folder: Path) -> tuple[Saved, Any]:
    own = SAVED[name]
    own.tokenizer(folder, own.vocabulary)
    return own, save_model(folder, own.kind, own.model_class, own.vocabulary, **own.changes)


def numbers_by_hand(own: Saved, sequence: str, masked: Sequence[int] = ()) -> list[int]:
    """Token numbers with the special ones; tokens that cover one of the positions ``masked`` are masks."""
    number = {token: place for place, token in enumerate(own.vocabulary)}
    text = "".join(own.written["ACGU".index(letter)] for letter in sequence)
    mask = number.get("[MASK]", number.get("<mask>"))
    inside: list[Any] = []
    for start in range(len(text) - own.k + 1):
        hidden = any(start <= position < start + own.k for position in masked)
        inside.append(mask if hidden else number[text[start : start + own.k]])
    return [*(number[t] for t in own.leading), *inside, *(number[t] for t in own.trailing)]


def outputs(model: Any, numbers: list[int]) -> Any:
    tokens = torch.tensor([numbers])
    with torch.no_grad():
        return model(tokens, attention_mask=torch.ones_like(tokens), output_hidden_states=True, output_attentions=True)


def covering(own: Saved, nucleotide: int, length: int) -> list[int]:
    """Tokens over a nucleotide, counted with the special ones before."""
    return [len(own.leading) + start for start in range(length - own.k + 1) if start <= nucleotide < start + own.k]
