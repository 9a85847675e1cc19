"""Writes the data of the examples, each into a folder of its own; docs/examples.md says where they are from."""

import argparse
import csv
import gzip
import random
import re
import shutil
import tarfile
from pathlib import Path


def save(folder, part, header, rows):
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / f"{part}.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
    print(f"{folder}: {len(rows)} rows of {part}")


def write(folder, header, rows, seed=0):
    """Holds a fifth of the rows out."""
    rows = sorted(rows)
    random.Random(seed).shuffle(rows)
    held_out = len(rows) // 5
    save(folder, "test", header, rows[:held_out])
    save(folder, "train", header, rows[held_out:])


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


def titanic(path):
    with open(path, newline="") as file:
        return list(csv.reader(file))[1:]


def reviews(path):
    """Sentences of film reviews, good or bad by the mean of twenty judges."""
    name = "hutto_ICWSM_2014/movieReviewSnippets_GroundTruth.txt"
    with tarfile.open(path) as archive:
        text = archive.extractfile(name).read().decode("utf-8", "replace")
    for line in text.splitlines():
        _, score, sentence = line.split("\t", 2)
        if float(score):
            yield sentence, "good" if float(score) > 0 else "bad"


def demand(source):
    """Days of 24 hours, with the half of the year; the archive's own parts."""
    for part in ["train", "test"]:
        lines = (source / f"ItalyPowerDemand_{part.upper()}.ts").read_text().splitlines()
        for line in lines[lines.index("@data") + 1 :]:
            hours, label = line.split(":")
            yield part, [*hours.split(","), {"1": "winter", "2": "summer"}[label]]


def ratings(path):
    """Users and films numbered from 0, and stars."""
    import pandas

    frame = pandas.read_pickle(path, compression="xz")
    users, films = (frame[name].astype("category").cat.codes for name in ["userId", "movieId"])
    return list(zip(users, films, frame["rating"]))


def prompts(source, out, seed=0):
    """Copies sounds into a folder for each language. The same sentences are held out of each."""
    files = {path.name[:2]: sorted(path.rglob("*.wav")) for path in sorted(source.iterdir())}
    name = lambda language, path: "-".join(path.relative_to(source).parts[1:])
    names = sorted({name(language, path) for language in files for path in files[language]})
    random.Random(seed).shuffle(names)
    held_out = set(names[: len(names) // 5])
    for language, paths in files.items():
        for path in paths:
            part = "test" if name(language, path) in held_out else "train"
            target = out / part / language / name(language, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        print(f"{out}: {len(paths)} prompts in {language}")


def main():
    parser = argparse.ArgumentParser()
    for name in ["spam", "diabetes", "titanic", "reviews", "demand", "ratings", "prompts"]:
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    if args.spam:
        write(args.out / "spam", ["text", "label"], spam(args.spam))
    if args.diabetes:
        names = "age sex bmi bp s1 s2 s3 s4 s5 s6 progression".split()
        write(args.out / "diabetes", names, diabetes(args.diabetes))
    if args.titanic:
        write(args.out / "titanic", "name class age sex survived".split(), titanic(args.titanic))
    if args.reviews:
        write(args.out / "reviews", ["text", "label"], reviews(args.reviews))
    if args.demand:
        rows = list(demand(args.demand))
        header = [f"h{hour}" for hour in range(24)] + ["season"]
        for part in ["train", "test"]:
            save(args.out / "demand", part, header, [row for of, row in rows if of == part])
    if args.ratings:
        write(args.out / "ratings", ["user", "film", "stars"], ratings(args.ratings))
    if args.prompts:
        prompts(args.prompts, args.out / "prompts")


main()
