//! Models written in Rust that are made again from text, or from their files alone.

use craneflow_nn::functional::Padding;
use craneflow_nn::init::{Init, Part};
use craneflow_nn::layers::*;
use craneflow_nn::loss::Loss;
use craneflow_nn::metrics::Metric;
use craneflow_nn::optim::Adam;
use craneflow_nn::{Model, NnError, Sequential, Tensor};
use ndarray::ArrayD;
use std::path::Path;

/// The model made again from its text must say the same of itself and compute the same graph.
fn again(model: &Model) -> Model {
    let text = model.architecture().expect("every layer has a description");
    let path = Path::new("architecture");
    let second = Model::from_architecture(path, &text);
    let second = second.unwrap_or_else(|e| panic!("{e}\n{text}"));
    assert_eq!(second.architecture().as_deref(), Some(text.as_str()));
    assert_eq!(second.parameters(), model.parameters());
    let graph = |m: &Model| m.predict_graph(2).expect("is sound").to_string();
    assert_eq!(graph(&second), graph(model), "{text}");
    second
}

fn image(layer: impl Call) -> Model {
    let model = Sequential::new(Input::new([8, 8, 3]));
    model.add(layer).build().expect("is sound")
}

fn series(layer: impl Call) -> Model {
    let model = Sequential::new(Input::new([6, 4]));
    model.add(layer).build().expect("is sound")
}

#[test]
fn layers_of_images() {
    let edges = Padding::Explicit([(1, 2), (0, 1)]);
    let conv = Conv2D::new(4, [3, 2]).strides([2, 1]).padding(edges);
    again(&image(
        conv.activation(Activation::LeakyRelu(0.05))
            .kernel_init(Init::HeNormal),
    ));
    again(&image(
        Conv2D::new(6, [3, 3]).groups(3).no_bias().dilation([2, 2]),
    ));
    again(&image(
        Conv2DTranspose::new(4, [3, 3])
            .strides([2, 2])
            .output_padding([1, 1]),
    ));
    again(&image(
        DepthwiseConv2D::new([3, 3])
            .depth_multiplier(2)
            .padding(Padding::Same),
    ));
    again(&image(SeparableConv2D::new(5, [3, 3])));
    again(&image(
        MaxPool2D::new([3, 3])
            .strides([2, 2])
            .padding(Padding::Same),
    ));
    again(&image(AveragePool2D::new([2, 4])));
    again(&image(AdaptiveAveragePool2D::new([3, 2])));
    again(&image(GlobalMaxPool2D::new().keepdims(true)));
    again(&image(
        UpSampling2D::new([2, 3]).interpolation(Interpolation::Bilinear),
    ));
    again(&image(ZeroPadding2D::new([(1, 2), (3, 4)])));
    again(&image(Cropping2D::new([(1, 2), (0, 1)])));
    again(&image(Resizing::new(5, 7).antialias(true)));
    again(&image(CenterCrop::new(4, 4)));
    again(&image(RandomCrop::new(4, 4)));
    again(&image(RandomFlip::new(true, false)));
    again(&image(RandomRotation::new(0.1).fill(0.5)));
    again(&image(RandomTranslation::new(0.1, 0.2)));
    again(&image(RandomContrast::new(0.2).max_value(1.0)));
    again(&image(Solarization::new(100.0)));
    again(&image(GroupNorm::new(3).epsilon(1e-5).center(false)));
    again(&image(
        BatchNorm::new()
            .momentum(0.9)
            .gamma_regularizer(Regularizer::L2(0.1)),
    ));
    again(&image(
        SpectralNorm::new(Conv2D::new(4, [3, 3])).power_iterations(2),
    ));
    again(&image(SpatialDropout2D::new(0.3)));
    again(&image(PRelu::new().shared_axes(&[1, 2])));
    again(&image(Rescaling::new(1.0 / 255.0, -0.5)));
    again(&image(Normalization::new(
        &[0.1, 0.2, 0.3],
        &[1.0, 2.0, 0.1],
    )));
    again(&image(RandomColorJitter::new(0.1, 0.2, 0.0, 0.3)));
    again(&image(RandomGaussianBlur::new(0.5, 3, 1.0)));
    again(&image(RandomSharpness::new(0.5)));
    again(&image(RandomPerspective::new(0.5, 0.3).fill(1.0)));
    again(&image(RandomElasticTransform::new(0.5, 0.1).sigma(2.0)));
    again(&image(RandAugment::new().layers(3)));
    again(&image(Clahe::new().tiles([2, 3]).clip_limit(2.0)));
    again(&image(AugMix::new().chains(2).depth(1)));
    again(&image(Equalization::new().bins(64)));
    again(&image(MixUp::new(0.4)));
    again(&image(CutMix::new(0.5)));
    let boxes = MaxNumBoundingBoxes::new(4).fill_value(0.5);
    again(&series(boxes));
    let waves = Init::Stft {
        side: Part::Imag,
        window: Window::Hamming,
        scaling: Scaling::Spectrum,
        periodic: true,
    };
    again(&series(Conv1D::new(5, [4]).kernel_init(waves)));
    again(&image(Flatten::new()));
    again(&image(Permute::new(&[3, 1, 2])));
    again(&image(Reshape::new([4, 48])));
}

#[test]
fn layers_of_series() {
    let max = Constraint::MaxNorm {
        max: 1.5,
        axes: vec![0],
    };
    let dense = Dense::new(3)
        .kernel_constraint(max)
        .bias_init(Init::Constant(0.25));
    again(
        &Sequential::new(Input::new([3, 6, 5, 2]))
            .add(
                ConvLstm2D::new(4, [3, 2])
                    .padding(Padding::Same)
                    .return_sequences(),
            )
            .build()
            .expect("is sound"),
    );
    again(&series(
        dense.activity_regularizer(Regularizer::L1L2 { l1: 0.1, l2: 0.2 }),
    ));
    again(&series(
        EinsumDense::new("abc,cde->abde", &[6, 2, 5]).bias_axes("e"),
    ));
    again(&series(Conv1D::new(4, [3]).padding(Padding::Causal)));
    again(&series(
        Lstm::new(5).return_sequences().unit_forget_bias(false),
    ));
    again(&series(
        Gru::new(5)
            .backwards()
            .recurrent_activation(Activation::HardSigmoid),
    ));
    again(&series(SimpleRnn::new(5).no_bias()));
    again(&series(
        Bidirectional::new(Gru::new(3).return_sequences()).merge(Merge::Sum),
    ));
    again(&series(TimeDistributed::new(Dense::new(2))));
    again(&series(
        MultiHeadAttention::grouped(4, 2, 6)
            .causal()
            .rotary(1000.0)
            .no_bias(),
    ));
    again(&series(Attention::additive()));
    again(&series(
        TransformerEncoder::new(2, 8)
            .normalize_first()
            .activation(Activation::Gelu),
    ));
    again(&series(TransformerDecoder::new(2, 8).dropout(0.1)));
    again(&series(SinePositions::new(100.0)));
    again(&series(Masking::new(-1.0)));
    again(&series(StftSpectrogram::new(4).frame_step(2)));
    again(&series(LayerNorm::new()));
    again(&series(RmsNorm::new().epsilon(1e-5)));
    again(&series(UnitNorm::new(&[1, 2])));
    again(&series(GlobalAveragePool1D::new()));
    again(&series(GaussianNoise::new(0.1)));
    again(&series(AlphaDropout::new(0.1)));
    again(&series(
        Discretization::new(&[-1.0, 0.5]).encoding(Encoding::OneHot),
    ));
    again(&series(
        Activation::Threshold {
            threshold: 0.5,
            value: -1.0,
        }
        .layer(),
    ));
    again(&series(ActivityRegularization::new(0.1, 0.0)));
}

#[test]
fn layers_of_numbers() {
    let numbers = |layer: TokenAndPositionEmbedding| {
        let input = Input::new([5]).dtype(craneflow_ir::DType::I32);
        Sequential::new(input).add(layer).build().expect("is sound")
    };
    again(&numbers(
        TokenAndPositionEmbedding::new(20, 5, 4).mask_zero(true),
    ));
    let input = Input::new([5]).name("tokens").symbol();
    let embedding = ReversibleEmbedding::new(20, 4);
    let scores = embedding.reversed().call(&embedding.call(&input));
    again(&Model::new(&[&input], &[&scores]).expect("is sound"));
}

#[test]
fn wires() {
    let (a, b) = (
        Input::new([6, 4]).name("a").symbol(),
        Input::new([4]).name("b").symbol(),
    );
    let lstm = Lstm::new(4).return_sequences().return_state();
    let states = lstm.results_of(&[&a]);
    let shared = Dense::new(4).name("shared");
    let (left, right) = (shared.call(&states[1]), shared.call(&b));
    let sum = Add::new().call_all(&[&left, &right, &states[2]]);
    let out = Concatenate::new(-1).call_all(&[&sum, &left]);
    let mut inner = Model::new(&[&a, &b], &[&out, &states[0]]).expect("is sound");
    again(&inner);
    let nested = inner.layer().name("inner").trainable(false);
    let outs = nested.results_of(&[&a, &b]);
    let end = Dense::new(1).call(&outs[0]);
    let mut outer = Model::new(&[&a, &b], &[&end, &outs[1]]).expect("is sound");
    again(&outer);
    outer.set_trainable("dense", false).expect("is there");
    assert_eq!(again(&outer).parameters().1, 0);
}

#[test]
fn a_file_is_enough() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("m.safetensors");
    let mut model = image(Conv2D::new(4, [3, 3]).activation(Activation::Relu)).seed(7);
    model
        .compile(Adam::new(0.01), Loss::MeanSquaredError, &[])
        .expect("fits");
    model.save(&path).expect("is written");
    let x = ArrayD::from_shape_fn(vec![3, 8, 8, 3], |i| {
        (i[0] * 7 + i[1] * 3 + i[3]) as f32 / 9.0
    });
    let mut opened = Model::open(&path).expect("is whole");
    let predict = |m: &mut Model| m.predict(&x).expect("fits");
    assert_eq!(predict(&mut opened), predict(&mut model));
}

#[test]
fn a_file_says_what_its_model_is_trained_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("m.safetensors");
    let x = ArrayD::from_shape_fn(vec![6, 4], |i| (i[0] * 3 + i[1]) as f32 / 9.0);
    let y = ArrayD::from_shape_fn(vec![6], |i| (i[0] % 3) as i32);
    let dense = Sequential::new(Input::new([4])).add(Dense::new(3));
    let mut model = dense.build().expect("is sound").seed(2);
    let loss = Loss::SparseCategoricalCrossentropy { from_logits: true };
    let own = Loss::SparseCategoricalCrossentropy { from_logits: false };
    let metrics = [
        Metric::Accuracy,
        Metric::TopKCategoricalAccuracy { k: 2 },
        Metric::Loss(own),
    ];
    let loss = loss.label_smoothing(0.1);
    let adam = Adam::new(0.01);
    model.compile(adam, loss, &metrics).expect("fits");
    model.save(&path).expect("is written");
    let mut opened = Model::open(&path).expect("is whole");
    let judged = |m: &mut Model| m.evaluate(&x, &y).expect("is compiled");
    let logs = judged(&mut opened);
    assert_eq!(logs.len(), 4);
    assert_eq!(logs, judged(&mut model));

    let mine = Loss::custom("mine", |y: &Tensor, x: &Tensor| (y - x).square());
    model.compile(Adam::new(0.01), mine, &[]).expect("fits");
    model.save(&path).expect("is written");
    let mut opened = Model::open(&path).expect("is whole");
    let error = opened.evaluate(&x, &y).expect_err("has no loss");
    assert!(matches!(error, NnError::NotCompiled { .. }), "{error}");
}

#[test]
fn what_cannot_be_made_again_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("m.safetensors");
    let mut model = series(TimeDistributed::new(Lambda::new(|x| x[0].tanh())));
    assert_eq!(model.architecture(), None);
    model.save(&path).expect("weights are written all the same");
    let error = Model::open(&path).map(|_| ()).expect_err("a closure");
    assert!(matches!(error, NnError::NoArchitecture { .. }), "{error}");
    let wrong = "version = 1\ninputs = [{ name = \"x\", shape = [4] }]\nlayers = [\n  { type = \"Dense\", unit = 3 },\n]\n";
    let error = Model::from_architecture(Path::new("a"), wrong).map(|_| ());
    let message = error.expect_err("`unit`").to_string();
    assert!(
        message.starts_with("a:4:21: layers[0].unit: unknown key; did you mean `units`?"),
        "{message}"
    );
    let later = Model::from_architecture(Path::new("a"), "version = 9\n").map(|_| ());
    assert!(
        later
            .expect_err("is later")
            .to_string()
            .contains("a later Craneflow reads it")
    );
}
