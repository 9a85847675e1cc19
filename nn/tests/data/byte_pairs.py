"""Writes byte_pairs.json: pairs that the library `tokenizers` learns, and what it makes of texts with them.

Needs tokenizers 0.23; run it in this folder.
"""

import json
from pathlib import Path

from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

PIECES = r" ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
FIRST = 2  # the number of byte 0

tokenizer = Tokenizer(models.BPE())
tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
    pre_tokenizers.Split(Regex(PIECES), "isolated"),
    pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
])
alphabet = pre_tokenizers.ByteLevel.alphabet()
trainer = trainers.BpeTrainer(vocab_size=256 + 400, initial_alphabet=alphabet, show_progress=False)
text = (Path(__file__).parents[3] / "LICENSE-APACHE").read_text()
tokenizer.train_from_iterator([text], trainer)

# The library writes each byte as a letter; letters below 256 that print stand for themselves.
plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
letters = {byte: chr(byte) for byte in plain}
letters |= {b: chr(256 + i) for i, b in enumerate(b for b in range(256) if b not in letters)}
numbers = {letter: byte + FIRST for byte, letter in letters.items()}
pairs = []
for a, b in json.loads(tokenizer.to_str())["model"]["merges"]:
    pairs.append([numbers[a], numbers[b]])
    numbers[a + b] = 255 + FIRST + len(pairs)

texts = [
    "You may reproduce and distribute copies of the Work or Derivative Works thereof.",
    "It's 12  o'clock\n\n  in   the\tlicense...\n",
    "naïve Übergröße, 日本語 and 🦜 emoji",
    "AAAAAAAA  aaaa 1234567 3.14 --- ((()))",
    " leading, trailing ",
    "permissions and limitations under the License",
    "",
]
cases = [{"text": t, "numbers": [numbers[x] for x in tokenizer.encode(t).tokens]} for t in texts]
out = {"pairs": pairs, "cases": cases}
Path("byte_pairs.json").write_text(json.dumps(out, ensure_ascii=False).replace('}, {', '},\n{') + "\n")
