"""Writes the data of the examples, each into a folder of its own; docs/examples.md says where they are from."""

import argparse
import csv
import gzip
import random
import re
import shutil
import subprocess
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


def spoken_digits(espeak, out, seed=0):
    """Lets each of a synthesiser's voices say the digits three times, each time with another accent, speed
    and pitch. A fifth of the voices is held out; those whose names differ by a number only stay together."""
    words = "zero one two three four five six seven eight nine".split()
    accents = "en-gb en-us en-gb-scotland en-gb-x-rp en-gb-x-gbclan en-gb-x-gbcwmd en-029 en-us-nyc".split()
    listed = subprocess.run([espeak, "--voices=variant"], check=True, capture_output=True, text=True).stdout
    voices = sorted(name.strip() for name in re.findall(r"!v/(.+?) *(?:\(.*)?$", listed, re.M))
    family = lambda voice: voice.lower().rstrip("0123456789")
    families = sorted({family(voice) for voice in voices})
    rng = random.Random(seed)
    rng.shuffle(families)
    held_out = set()
    while sum(family(voice) in held_out for voice in voices) < len(voices) // 5:
        held_out.add(families.pop())
    for voice in voices:
        part = "test" if family(voice) in held_out else "train"
        for digit, word in enumerate(words):
            for take in range(3):
                manner = ["-v", f"{rng.choice(accents)}+{voice}"]
                manner += ["-s", str(rng.randint(140, 220)), "-p", str(rng.randint(30, 70))]
                target = out / part / str(digit) / f"{voice.replace(' ', '_')}-{take}.wav"
                target.parent.mkdir(parents=True, exist_ok=True)
                subprocess.run([espeak, *manner, "-w", str(target), word], check=True)
    print(f"{out}: {len(voices)} voices")


def fsdd(path, frames=30):
    """The digit and thirteen cepstral coefficients for each of the first frames of a recording; behind its
    end is nothing."""
    import numpy as np

    with np.load(path) as data:
        x, y, lengths = (data[name] for name in ["X", "y", "lengths"])
    for label, end, length in zip(y, np.cumsum(lengths), lengths):
        values = np.zeros((frames, 13), np.float32)
        values[: min(length, frames)] = x[end - length : end][:frames]
        yield [*(f"{x:.3f}" for x in values.ravel()), str(label)]


def main():
    parser = argparse.ArgumentParser()
    for name in ["spam", "diabetes", "titanic", "reviews", "demand", "ratings", "prompts", "fsdd"]:
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument("--digits", metavar="ESPEAK", help="the program that speaks them")
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
    if args.fsdd:
        names = [f"c{frame}_{i}" for frame in range(30) for i in range(13)]
        write(args.out / "fsdd", [*names, "digit"], fsdd(args.fsdd))
    if args.digits:
        spoken_digits(args.digits, args.out / "spoken_digits")


main()
