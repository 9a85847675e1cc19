//! Outputs, gradients and states of layers.

use crate::walk::{Case, compare, file, run, same_cases, weighted_sum};
use craneflow_nn::Tensor;
use craneflow_nn::Tracer;
use craneflow_nn::functional::Padding;
use craneflow_nn::layers::*;

/// In 32 bits, Keras's reference is itself this far from exact.
const TOLERANCE: f64 = 2e-5;

#[path = "sequences.rs"]
mod sequences;

use sequences::{preprocessing, sequences, sounds};

type Entry = (&'static str, Box<dyn Layer>);

fn entry(name: &'static str, layer: impl Layer + 'static) -> Entry {
    (name, Box::new(layer))
}

fn activations() -> Vec<Entry> {
    use Activation::*;
    let threshold = Threshold {
        threshold: 0.3,
        value: -2.0,
    };
    let options = ClippedRelu {
        negative_slope: 0.1,
        max_value: Some(1.0),
        threshold: 0.2,
    };
    let all = [
        ("activation_celu", Celu(1.0)),
        ("activation_elu", Elu(1.0)),
        ("activation_exponential", Exponential),
        ("activation_gelu", Gelu),
        ("activation_gelu_tanh", GeluTanh),
        ("activation_glu", Glu),
        ("activation_hard_shrink", HardShrink(0.5)),
        ("activation_hard_sigmoid", HardSigmoid),
        ("activation_hard_silu", HardSilu),
        ("activation_hard_tanh", HardTanh),
        ("activation_leaky_relu", LeakyRelu(0.2)),
        ("activation_linear", Linear),
        ("activation_log_sigmoid", LogSigmoid),
        ("activation_log_softmax", LogSoftmax),
        ("activation_mish", Mish),
        ("activation_relu", Relu),
        ("activation_relu6", Relu6),
        ("activation_selu", Selu),
        ("activation_sigmoid", Sigmoid),
        ("activation_silu", Silu),
        ("activation_soft_shrink", SoftShrink(0.5)),
        ("activation_softmax", Softmax),
        ("activation_softplus", Softplus),
        ("activation_softsign", Softsign),
        ("activation_sparse_plus", SparsePlus),
        ("activation_sparse_sigmoid", SparseSigmoid),
        ("activation_squareplus", Squareplus(4.0)),
        ("activation_tanh", Tanh),
        ("activation_tanh_shrink", TanhShrink),
        ("activation_threshold", threshold),
        ("relu_options", options),
        ("elu", Elu(0.7)),
        ("leaky_relu", LeakyRelu(0.3)),
        ("softmax", Softmax),
    ];
    all.into_iter()
        .map(|(name, a)| entry(name, a.layer()))
        .collect()
}

fn weighted() -> Vec<Entry> {
    let same = Padding::Same;
    let causal = Padding::Causal;
    vec![
        entry("prelu", PRelu::new().shared_axes(&[1])),
        entry("dense", Dense::new(4).activation(Activation::Tanh)),
        entry("dense_time", Dense::new(4).no_bias()),
        entry(
            "einsum_dense",
            EinsumDense::new("abc,cde->abde", &[7, 2, 3]).bias_axes("de"),
        ),
        entry("embedding", Embedding::new(6, 3)),
        entry(
            "conv1d",
            Conv1D::new(4, [3])
                .strides([2])
                .activation(Activation::Relu),
        ),
        entry(
            "conv1d_causal",
            Conv1D::new(2, [3]).padding(causal).dilation([2]),
        ),
        entry("conv2d", Conv2D::new(3, [3, 2]).padding(same)),
        entry(
            "conv2d_groups",
            Conv2D::new(4, [3, 3]).groups(2).dilation([2, 2]),
        ),
        entry(
            "conv2d_strides",
            Conv2D::new(2, [3, 3])
                .strides([2, 3])
                .padding(same)
                .no_bias(),
        ),
        entry(
            "conv3d",
            Conv3D::new(3, [2, 3, 2])
                .padding(Padding::Same)
                .strides([1, 2, 1]),
        ),
        entry(
            "conv1d_transpose",
            Conv1DTranspose::new(2, [3])
                .strides([2])
                .padding(Padding::Same),
        ),
        entry(
            "conv1d_transpose_valid",
            Conv1DTranspose::new(2, [2]).strides([3]),
        ),
        entry(
            "conv2d_transpose",
            Conv2DTranspose::new(3, [3, 3])
                .strides([2, 2])
                .padding(same),
        ),
        entry(
            "conv2d_transpose_valid",
            Conv2DTranspose::new(2, [3, 2]).strides([1, 2]),
        ),
        entry(
            "conv2d_transpose_output",
            Conv2DTranspose::new(2, [3, 3])
                .strides([2, 2])
                .padding(same)
                .output_padding([1, 1]),
        ),
        entry(
            "conv3d_transpose",
            Conv3DTranspose::new(2, [2, 2, 2]).strides([2, 2, 2]),
        ),
        entry(
            "depthwise_conv1d",
            DepthwiseConv1D::new([3]).depth_multiplier(2),
        ),
        entry(
            "depthwise_conv2d",
            DepthwiseConv2D::new([3, 3])
                .depth_multiplier(2)
                .padding(same),
        ),
        entry(
            "separable_conv1d",
            SeparableConv1D::new(4, [3]).padding(Padding::Same),
        ),
        entry(
            "separable_conv2d",
            SeparableConv2D::new(3, [3, 3])
                .depth_multiplier(2)
                .strides([2, 2]),
        ),
        entry("batch_norm", BatchNorm::new()),
        entry("batch_norm_training", BatchNorm::new().momentum(0.9)),
        entry("layer_norm", LayerNorm::new()),
        entry("group_norm", GroupNorm::new(2)),
        entry("rms_norm", RmsNorm::new()),
        entry("unit_norm", UnitNorm::new(&[-1])),
        entry("spectral_norm", SpectralNorm::new(Dense::new(4))),
        entry("time_distributed", TimeDistributed::new(Dense::new(2))),
    ]
}

fn shapes() -> Vec<Entry> {
    let (bilinear, bicubic) = (Interpolation::Bilinear, Interpolation::Bicubic);
    vec![
        entry(
            "max_pool1d",
            MaxPool1D::new([3]).strides([2]).padding(Padding::Same),
        ),
        entry("max_pool2d", MaxPool2D::new([2, 3])),
        entry("max_pool3d", MaxPool3D::new([2, 2, 2])),
        entry("avg_pool1d", AveragePool1D::new([2])),
        entry(
            "avg_pool2d",
            AveragePool2D::new([3, 3])
                .strides([2, 2])
                .padding(Padding::Same),
        ),
        entry(
            "avg_pool3d",
            AveragePool3D::new([2, 2, 2]).padding(Padding::Same),
        ),
        entry("global_avg_pool1d", GlobalAveragePool1D::new()),
        entry(
            "global_avg_pool2d",
            GlobalAveragePool2D::new().keepdims(true),
        ),
        entry("global_avg_pool3d", GlobalAveragePool3D::new()),
        entry("global_max_pool1d", GlobalMaxPool1D::new()),
        entry("global_max_pool2d", GlobalMaxPool2D::new()),
        entry("global_max_pool3d", GlobalMaxPool3D::new()),
        entry("adaptive_avg_pool1d", AdaptiveAveragePool1D::new([3])),
        entry("adaptive_avg_pool2d", AdaptiveAveragePool2D::new([3, 4])),
        entry("adaptive_avg_pool3d", AdaptiveAveragePool3D::new([2, 2, 2])),
        entry("adaptive_max_pool1d", AdaptiveMaxPool1D::new([3])),
        entry("adaptive_max_pool2d", AdaptiveMaxPool2D::new([3, 4])),
        entry("adaptive_max_pool3d", AdaptiveMaxPool3D::new([2, 2, 2])),
        entry("flatten", Flatten::new()),
        entry("reshape", Reshape::new([6, 20])),
        entry("permute", Permute::new(&[3, 1, 2])),
        entry("repeat_vector", RepeatVector::new(3)),
        entry("up_sampling1d", UpSampling1D::new([3])),
        entry("up_sampling2d", UpSampling2D::new([2, 3])),
        entry(
            "up_sampling2d_bilinear",
            UpSampling2D::new([2, 3]).interpolation(bilinear),
        ),
        entry(
            "up_sampling2d_bicubic",
            UpSampling2D::new([3, 2]).interpolation(bicubic),
        ),
        entry("up_sampling3d", UpSampling3D::new([2, 2, 2])),
        entry("zero_padding1d", ZeroPadding1D::new([(1, 2)])),
        entry("zero_padding2d", ZeroPadding2D::new([(1, 0), (2, 3)])),
        entry("zero_padding3d", ZeroPadding3D::new([(1, 1); 3])),
        entry("cropping1d", Cropping1D::new([(1, 2)])),
        entry("cropping2d", Cropping2D::new([(1, 0), (2, 1)])),
        entry("cropping3d", Cropping3D::new([(1, 1); 3])),
        entry("add", Add::new()),
        entry("subtract", Subtract::new()),
        entry("multiply", Multiply::new()),
        entry("average", Average::new()),
        entry("maximum", Maximum::new()),
        entry("minimum", Minimum::new()),
        entry("concatenate", Concatenate::new(1)),
        entry("dot", Dot::new([2, 2])),
        entry("dot_normalized", Dot::new([1, 1]).normalize(true)),
    ]
}

/// Traces a layer with its gradients, runs it, and compares all that the file has.
fn check(case: &Case<'_>, layer: &dyn Layer) -> Result<(), String> {
    let tracer = Tracer::new(case.name);
    let mode = match case.names("s/").is_empty() {
        true => Mode::Inference,
        false => Mode::Training,
    };
    let mut cx = Cx::new(&tracer, mode);
    let arrays = case.numbered("x");
    let inputs = arrays.iter().enumerate();
    let x: Vec<Tensor> = inputs
        .map(|(i, a)| tracer.input(&format!("x{i}"), a.ty.clone()))
        .collect();
    let y = cx.call_all("l", layer, &x);
    let sums = y.iter().map(weighted_sum);
    let Some(total) = sums.reduce(|a, b| a + b) else {
        return Err("no results".to_string());
    };
    let mut wanted: Vec<(String, Tensor)> = vec![];
    for (i, x) in x.iter().enumerate().filter(|(_, x)| x.dtype().is_float()) {
        wanted.push((format!("dx{i}"), x.clone()));
    }
    let own = |name: &str| name.trim_start_matches("l.").to_string();
    for (weight, tensor) in cx
        .weights()
        .iter()
        .filter(|(w, _)| w.role == Role::Trainable)
    {
        wanted.push((format!("dw.{}", own(&weight.name)), tensor.clone()));
    }
    let wrt: Vec<&Tensor> = wanted.iter().map(|(_, x)| x).collect();
    let gradients = total.gradient(&wrt);
    for (i, y) in y.iter().enumerate() {
        tracer.output(&format!("y{i}"), y);
    }
    for ((name, _), gradient) in wanted.iter().zip(&gradients) {
        tracer.output(name, gradient);
    }
    for (index, value) in cx.updates() {
        tracer.output(&format!("s.{}", own(&cx.weights()[*index].0.name)), value);
    }
    let mut feeds: Vec<(String, &craneflow_ir::Array)> = vec![];
    for (i, &array) in arrays.iter().enumerate() {
        feeds.push((format!("x{i}"), array));
    }
    let weights: Vec<Weight> = cx.weights().iter().map(|(w, _)| w.clone()).collect();
    for weight in &weights {
        let given = case.get(&format!("w/{}", own(&weight.name)));
        let Some(array) = given.or(weight.spec.value.as_deref()) else {
            return Err(format!(
                "{} is not among {:?}",
                weight.name,
                case.names("w/")
            ));
        };
        feeds.push((weight.name.clone(), array));
    }
    drop((cx, x, y, wanted, gradients));
    let results = run(tracer, &feeds)?;
    for expected in ["y", "dx", "dw/", "s/"] {
        for name in case.names(expected) {
            let name = format!("{expected}{name}");
            // Keras lists among the state what this step leaves alone; that is compared, too.
            let found = results.iter().find(|(n, _)| *n == name.replace('/', "."));
            let found = found.ok_or_else(|| format!("no {name}"))?;
            compare(&name, &found.1, case.need(&name), TOLERANCE)?;
        }
    }
    Ok(())
}

#[test]
fn layers_are_those_of_keras() {
    walk("layers", vec![activations(), weighted(), shapes()]);
}

#[test]
fn sequences_and_preprocessing_are_those_of_keras() {
    walk("sequences", vec![sequences(), preprocessing(), sounds()]);
}

fn walk(name: &str, tables: Vec<Vec<Entry>>) {
    let file = file(name);
    let table: Vec<Entry> = tables.into_iter().flatten().collect();
    same_cases(&file, table.iter().map(|(name, _)| *name));
    let wrong: Vec<String> = table
        .iter()
        .filter_map(|(name, layer)| {
            let error = check(&Case::of(&file, name), &**layer).err()?;
            Some(format!("{name}: {error}"))
        })
        .collect();
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        table.len(),
        wrong.join("\n")
    );
}
