//! Random layers.

use super::*;

#[test]
fn random_layers_work_while_training_only() {
    type Build = Box<dyn Fn() -> Model>;
    let layers: Vec<(&str, Build)> = vec![
        (
            "noise",
            Box::new(|| alone(&[8, 8, 3], GaussianNoise::new(0.5))),
        ),
        (
            "gaussian",
            Box::new(|| alone(&[8, 8, 3], GaussianDropout::new(0.5))),
        ),
        (
            "alpha",
            Box::new(|| alone(&[8, 8, 3], AlphaDropout::new(0.5))),
        ),
        (
            "spatial",
            Box::new(|| alone(&[8, 8, 3], SpatialDropout2D::new(0.25))),
        ),
        (
            "flip",
            Box::new(|| alone(&[8, 8, 3], RandomFlip::new(true, true))),
        ),
        (
            "rotation",
            Box::new(|| alone(&[8, 8, 3], RandomRotation::new(0.2))),
        ),
        (
            "translation",
            Box::new(|| alone(&[8, 8, 3], RandomTranslation::new(0.3, 0.3))),
        ),
        (
            "zoom",
            Box::new(|| alone(&[8, 8, 3], RandomZoom::new(0.3, 0.3))),
        ),
        (
            "shear",
            Box::new(|| alone(&[8, 8, 3], RandomShear::new(0.3, 0.3))),
        ),
        (
            "brightness",
            Box::new(|| alone(&[8, 8, 3], RandomBrightness::new(0.3))),
        ),
        (
            "contrast",
            Box::new(|| alone(&[8, 8, 3], RandomContrast::new(0.5))),
        ),
        (
            "saturation",
            Box::new(|| alone(&[8, 8, 3], RandomSaturation::new(0.5))),
        ),
        ("hue", Box::new(|| alone(&[8, 8, 3], RandomHue::new(0.3)))),
        (
            "grey",
            Box::new(|| alone(&[8, 8, 3], RandomGrayscale::new(0.9))),
        ),
        (
            "invert",
            Box::new(|| alone(&[8, 8, 3], RandomInvert::new(0.9))),
        ),
        (
            "perspective",
            Box::new(|| alone(&[8, 8, 3], RandomPerspective::new(1.0, 0.5))),
        ),
        (
            "elastic",
            Box::new(|| alone(&[8, 8, 3], RandomElasticTransform::new(1.0, 0.2))),
        ),
        (
            "augment",
            Box::new(|| alone(&[8, 8, 3], RandAugment::new())),
        ),
        ("mix", Box::new(|| alone(&[8, 8, 3], MixUp::new(0.5)))),
        ("cut", Box::new(|| alone(&[8, 8, 3], CutMix::new(1.0)))),
        (
            "erasing",
            Box::new(|| alone(&[8, 8, 3], RandomErasing::new(0.9))),
        ),
        (
            "posterization",
            Box::new(|| alone(&[8, 8, 3], RandomPosterization::new(2.0))),
        ),
        (
            "solarization",
            Box::new(|| alone(&[8, 8, 3], Solarization::new(100.0))),
        ),
    ];
    let x = normal(3, (16, 8, 8, 3)).mapv(|x| (100.0 + 30.0 * x).clamp(0.0, 255.0));
    for (name, build) in layers {
        let mut model = build();
        assert_eq!(
            model.predict(&x).expect("runs"),
            x.clone().into_dyn(),
            "{name}"
        );
        model
            .compile(Sgd::new(0.0), Loss::MeanSquaredError, &[])
            .expect("compiles");
        let (a, b) = (model.train_on_batch(&x, &x), model.train_on_batch(&x, &x));
        let (a, b) = (a.expect("runs")[0].1, b.expect("runs")[0].1);
        assert!(a > 0.0 && a.is_finite(), "{name}: {a}");
        let fixed = ["posterization", "solarization"].contains(&name);
        assert_eq!(a == b, fixed, "{name} draws anew: {a} and {b}");
    }
}
