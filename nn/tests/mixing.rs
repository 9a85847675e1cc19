//! Layers that mix pictures, that look at them through something, and that frame parts of them: what they give
//! must fit together.

use craneflow_ir::{Array, DType, Type};
use craneflow_nn::Tracer;
use craneflow_nn::layers::*;
use craneflow_nn::trace::Function;
use ndarray::{ArrayD, Axis};

/// What a layer makes of its inputs while training.
fn drawn(layer: &dyn Layer, inputs: &[&ArrayD<f32>], seed: f64) -> Vec<ArrayD<f32>> {
    let tracer = Tracer::new("drawn");
    let mut cx = Cx::new(&tracer, Mode::Training);
    let names: Vec<String> = (0..inputs.len()).map(|i| format!("x{i}")).collect();
    let x: Vec<_> = names
        .iter()
        .zip(inputs)
        .map(|(name, x)| tracer.input(name, Type::new(DType::F32, x.shape())))
        .collect();
    let y = cx.call_all("l", layer, &x);
    for (i, y) in y.iter().enumerate() {
        tracer.output(&format!("y{i}"), y);
    }
    let (results, random) = (y.len(), cx.random().is_some());
    drop((cx, x, y));
    let graph = tracer.finish().unwrap_or_else(|e| panic!("{e}"));
    let mut function = Function::compile(graph, &Default::default()).expect("compiles");
    let state = Array::from_f64(Type::new(DType::U64, [3]), &[seed, 0.0, 0.0]);
    let mut feeds = vec![];
    if random {
        feeds.push(("random", (&state).into()));
    }
    for (name, x) in names.iter().zip(inputs) {
        feeds.push((name.as_str(), (*x).into()));
    }
    let outputs = function
        .call_named(&feeds)
        .unwrap_or_else(|e| panic!("{e}"));
    let output = |i: usize| outputs.named::<f32>(&format!("y{i}")).expect("is there");
    (0..results).map(output).collect()
}

/// Pictures of one value each, their number, and labels that say it.
fn numbered(count: usize) -> (ArrayD<f32>, ArrayD<f32>) {
    let x = ArrayD::from_shape_fn(vec![count, 8, 10, 2], |at| at[0] as f32);
    let y = ArrayD::from_shape_fn(vec![count, count], |at| f32::from(u8::from(at[0] == at[1])));
    (x, y)
}

#[test]
fn labels_are_mixed_as_pictures_are() {
    let count = 64;
    let (x, y) = numbered(count);
    let layers: [(&dyn Layer, bool); 3] = [
        (&MixUp::new(0.2), false),
        (&MixUp::new(1.0), false),
        (&CutMix::new(1.0), true),
    ];
    for (layer, cuts) in layers {
        let found = drawn(layer, &[&x, &y], 5.0);
        let mut kept = vec![];
        for i in 0..count {
            let (picture, label) = (
                found[0].index_axis(Axis(0), i),
                found[1].index_axis(Axis(0), i),
            );
            let other = (i + count - 1) % count;
            let share = label[i];
            assert!((0.0..=1.0).contains(&share), "{share}");
            assert!((label[i] + label[other] - 1.0).abs() < 1e-5);
            let expected = share * i as f32 + (1.0 - share) * other as f32;
            let mean = picture.mean().expect("has pixels");
            assert!((mean - expected).abs() < 1e-3, "{i}: {mean} and {expected}");
            let own = picture.iter().all(|&p| p == i as f32 || p == other as f32);
            assert!(own || !cuts, "{i}");
            kept.push(f64::from(share));
        }
        let mean = kept.iter().sum::<f64>() / count as f64;
        assert!((mean - 0.5).abs() < 0.2, "{mean}");
        let distinct = kept.iter().filter(|k| **k != kept[0]).count();
        assert!(distinct > count / 2, "{distinct}");
    }
}

#[test]
fn glass_that_is_flat_shows_what_is_there() {
    let x = ArrayD::from_shape_fn(vec![3, 7, 9, 2], |at| {
        (at[0] * 50 + at[1] * 11 + at[2] * 3 + at[3]) as f32
    });
    // Chains without layers: shares of the picture itself, which add up to one.
    let mixed = AugMix::new().depth(0);
    let flat: [&dyn Layer; 5] = [
        &mixed,
        &RandomPerspective::new(1.0, 0.0),
        &RandomPerspective::new(0.0, 1.0),
        &RandomElasticTransform::new(1.0, 0.0),
        &RandomElasticTransform::new(0.0, 0.3),
    ];
    for layer in flat {
        let y = &drawn(layer, &[&x], 3.0)[0];
        let difference = (y - &x).mapv(f32::abs).into_iter().fold(0.0, f32::max);
        assert!(difference < 1e-2, "{}: {difference}", layer.meta().kind);
    }
    let mixed = AugMix::new().chains(2).depth(1);
    let uneven: [&dyn Layer; 4] = [
        &mixed,
        &RandomPerspective::new(1.0, 0.5),
        &RandomElasticTransform::new(1.0, 0.2),
        &RandAugment::new(),
    ];
    for layer in uneven {
        let y = &drawn(layer, &[&x], 3.0)[0];
        assert!(y.iter().all(|p| (-1e-3..=255.001).contains(p)));
        assert_ne!(y, &x);
        assert_ne!(y, &drawn(layer, &[&x], 4.0)[0]);
    }
}

/// Numbers of Keras 3.15.1 for the same picture.
#[test]
fn parts_of_pictures_have_contrast_of_their_own() {
    let x = ArrayD::from_shape_fn(vec![1, 5, 4, 2], |at| {
        ((at[1] * 53 + at[2] * at[2] * 17 + at[3] * 31) % 200 + 20) as f32
    });
    let limited = [
        35.84, 45.02, 70.79, 79.97, 115.81, 139.94, 200.81, 239.9, 111.36, 120.54, 146.32, 155.49,
        176.37, 200.51, 37.62, 76.71, 176.86, 192.24, 207.49, 222.87, 232.06, 20.84, 81.33, 116.65,
        208.63, 236.41, 230.62, 26.13, 56.83, 84.6, 144.33, 172.1, 45.66, 85.84, 83.95, 124.13,
        116.48, 146.68, 215.63, 235.84,
    ];
    let halves = [
        0.1, 0.2, 0.3, 0.4, 0.45, 0.55, 0.8, 0.9, 0.5, 0.6, 0.6, 0.7, 0.7, 0.8, 0.1, 0.2, 0.7, 0.8,
        0.8, 0.9, 0.95, 0.05, 0.3, 0.4, 0.9, 1.0, 1.0, 0.1, 0.25, 0.35, 0.6, 0.7, 0.2, 0.3, 0.4,
        0.5, 0.55, 0.65, 0.9, 1.0,
    ];
    let grid = Clahe::new().tiles([2, 3]).clip_limit(30.0);
    let two = Clahe::new().tiles([1, 2]).clip_limit(0.0).max_value(1.0);
    for (layer, x, expected, close) in [
        (grid, x.clone(), limited, 0.01),
        (two, &x / 255.0, halves, 1e-4),
    ] {
        let y = &drawn(&layer, &[&x], 1.0)[0];
        for (found, expected) in y.iter().zip(expected) {
            assert!((found - expected).abs() < close, "{y}");
        }
    }
}

#[test]
fn pictures_have_as_many_frames() {
    let boxes = ArrayD::from_shape_fn(vec![2, 3, 4], |at| (at[0] * 12 + at[1] * 4 + at[2]) as f32);
    let labels = ArrayD::from_shape_fn(vec![2, 3], |at| (at[0] * 3 + at[1] + 1) as f32);
    for (number, fill) in [(2, -1.0), (3, -1.0), (5, 7.0)] {
        let layer = MaxNumBoundingBoxes::new(number).fill_value(f64::from(fill));
        let found = drawn(&layer, &[&boxes, &labels], 0.0);
        assert_eq!(found[0].shape(), [2, number, 4]);
        assert_eq!(found[1].shape(), [2, number]);
        for (at, found) in found[0].indexed_iter() {
            assert_eq!(*found, boxes.get(at.clone()).copied().unwrap_or(fill));
        }
        for (at, found) in found[1].indexed_iter() {
            assert_eq!(*found, labels.get(at.clone()).copied().unwrap_or(fill));
        }
        let alone = drawn(&layer, &[&boxes], 0.0);
        assert_eq!(alone[0], found[0]);
    }
}
