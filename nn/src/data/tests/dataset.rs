use ndarray::{Array, ArrayD, IxDyn, array};

use super::super::{Dataset, Labels};
use super::refusal;

/// `n` samples of two values, sample `i` of class `i % 4 == 0`.
fn samples(n: usize) -> Dataset {
    let inputs = Array::from_shape_fn(IxDyn(&[n, 2]), |at| (10 * at[0] + at[1]) as f32);
    let ids = Array::from_shape_fn(IxDyn(&[n]), |at| i32::from(at[0] % 4 == 0));
    Dataset::new(
        "s",
        inputs,
        Labels::Classes(ids),
        vec!["most".into(), "few".into()],
    )
    .unwrap()
}

/// The samples' numbers; also checks that inputs and labels still belong together.
fn numbers(set: &Dataset) -> Vec<usize> {
    let ids = set.class_ids().unwrap();
    (0..set.len())
        .map(|i| {
            let number = set.inputs()[[i, 0]] as usize / 10;
            assert_eq!(ids[[i]], i32::from(number.is_multiple_of(4)));
            number
        })
        .collect()
}

#[test]
fn parts_are_whole_and_reproducible() {
    let set = samples(40);
    let split = set.train_test_split(1, 0.25).unwrap();
    assert_eq!((split.train.len(), split.test.len()), (30, 10));
    let mut all = [numbers(&split.train), numbers(&split.test)].concat();
    assert!(!all.is_sorted());
    all.sort_unstable();
    assert_eq!(all, (0..40).collect::<Vec<_>>());
    assert_eq!(set.train_test_split(1, 0.25).unwrap(), split);
    assert_ne!(set.train_test_split(2, 0.25).unwrap(), split);
    let strata = set.train_test_split_stratified(1, 0.3).unwrap();
    let few = |set: &Dataset| set.class_ids().unwrap().sum();
    assert_eq!(
        (strata.test.len(), few(&strata.test), few(&strata.train)),
        (12, 3, 7)
    );
}

#[test]
fn samples_are_taken_and_shuffled_with_their_labels() {
    let set = samples(9);
    assert_eq!(numbers(&set.clone().take(3)), [0, 1, 2]);
    assert_eq!(set.clone().take(100), set);
    let mut order = numbers(&set.shuffle(3));
    assert_ne!(order, numbers(&set));
    order.sort_unstable();
    assert_eq!(order, numbers(&set));
    assert_eq!(numbers(&set.select(&[8, 0, 8])), [8, 0, 8]);
    assert_eq!(set.input_shape(), [2]);
    assert!(set.take(0).is_empty());
    let values = Labels::Values(array![[1.0, 2.0], [3.0, 4.0]].into_dyn());
    let set = Dataset::new("v", ArrayD::zeros(IxDyn(&[2, 5])), values, vec![]).unwrap();
    assert_eq!(
        set.select(&[1]).values(),
        Some(&array![[3.0, 4.0]].into_dyn())
    );
    assert_eq!(set.one_hot(), None);
}

#[test]
fn wrong_uses_are_refused() {
    let inputs = || ArrayD::zeros(IxDyn(&[2, 5]));
    let new = |labels| {
        refusal(Dataset::new(
            "d",
            inputs(),
            labels,
            vec!["a".into(), "b".into()],
        ))
    };
    assert_eq!(
        new(Labels::Classes(array![0, 1, 0].into_dyn())),
        "data set `d`: inputs of shape [2, 5] and labels of shape [3]; the first axis of both counts the samples"
    );
    assert_eq!(
        new(Labels::Classes(array![0, 2].into_dyn())),
        "data set `d`: sample 1 has label 2, outside 0..2"
    );
    assert_eq!(
        new(Labels::Classes(array![-1, 1].into_dyn())),
        "data set `d`: sample 0 has label -1, outside 0..2"
    );
    for fraction in [0.0, 1.0, -0.5, 7.0, f64::NAN, 0.01] {
        assert_eq!(
            refusal(samples(8).train_test_split(0, fraction)),
            format!(
                "data set `s`: holding out {fraction} of 8 samples leaves a part empty; \
                 use a fraction between 0 and 1 that fits"
            )
        );
    }
    let values = Labels::Values(array![1.0, 2.0].into_dyn());
    let set = Dataset::new("v", inputs(), values, vec![]).unwrap();
    assert_eq!(
        refusal(set.train_test_split_stratified(0, 0.5)),
        "data set `v`: its labels are values, not classes; use the split without strata"
    );
}
